"""Functions in SQL files: a migration that replaces one puts the one before back from the file that made it, without a copy."""

import re
from pathlib import Path


def functions_of(path: Path, *names: str) -> str:
    """Return the statements that make, or make again, functions which the file at `path` creates.

    Each ends with `END $$;` on a line of its own. Raises ValueError for one that the file does not create.
    """
    text = path.read_text()
    found = []
    for name in names:
        match = re.search(
            rf"^CREATE (?:OR REPLACE )?(FUNCTION {name}\(.*?^END \$\$;)$", text, re.MULTILINE | re.DOTALL
        )
        if match is None:
            raise ValueError(f"{path.name} creates no function {name}.")
        found.append(f"CREATE OR REPLACE {match[1]}\n")
    return "\n".join(found)
