"""One sample of a request, written in curl, as programs in Python, JavaScript and Go.

`shell` reads the curl that a page prints, `requests` holds what it says, and a file for each language writes it.
"""

from core.ui.samples import go, javascript, python, shell

# Names of tabs, what fences call the language, and what writes it from the requests.
WRITERS = (("Python", "python", python.write), ("Node", "js", javascript.write), ("Go", "go", go.write))


def in_every_language(script: str) -> list[tuple[str, str, str]]:
    """Return (name, language, code) for a script of curl and the programs that do the same; nothing if it is no such script."""
    steps = shell.read(script)
    if steps is None:
        return []
    return [("curl", "sh", script)] + [(name, language, write(steps)) for name, language, write in WRITERS]
