"""Translates sample requests from curl into Python, JavaScript and Go.

`shell` parses the curl commands of a page, `requests` holds the result, and one module per language generates code.
"""

from core.ui.samples import go, javascript, python, shell

# The tab's name, the fence's language, and the code generator.
WRITERS = (("Python", "python", python.write), ("Node", "js", javascript.write), ("Go", "go", go.write))


def in_every_language(script: str) -> list[tuple[str, str, str]]:
    """Return (name, language, code) for a curl script and its translations, or an empty list if it is not a curl script."""
    steps = shell.read(script)
    if steps is None:
        return []
    return [("curl", "sh", script)] + [(name, language, write(steps)) for name, language, write in WRITERS]
