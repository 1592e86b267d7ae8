"""The documentation at /docs/: renders, serves and searches the Markdown files of `docs/`."""
