"""The documentation at /docs/: the Markdown files of `docs/`, as pages, as Markdown, and searched."""
