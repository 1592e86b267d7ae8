"""Edits that register an app inside Pomelo's repository. External apps need none, because EXTENSIONS registers them."""

import re
from pathlib import Path

from config.scaffold.files import NewResource


class AnchorMissing(ValueError):
    """A file lacks the line next to which a new one is inserted. The message names both."""


def edited_files(new: NewResource, root: Path) -> dict[Path, str]:
    """Return the new contents of the files that list Pomelo's apps, without writing them. Raises AnchorMissing."""
    app = new.app
    edits: list[tuple[str, list[tuple[str, str]]]] = [
        ("config/settings/base.py", [(r'(?=    "unfold\.apps)', f'    "{app}",\n')]),
        (
            "pyproject.toml",
            [
                (r"(root_packages = \[[^\]]*)\]", rf'\1, "{app}"]'),
                (r'(layers = \["config", "webhooks \| audit", )', rf'\1"{app}", '),
                (r"(containers = \[[^\]]*)\]", rf'\1, "{app}"]'),
                (r"(protected_modules = \[)", rf'\1"{app}.api", '),
                (
                    r'(forbidden_modules = \["apikeys\.services"[^\]]*)\]',
                    rf'\1, "{app}.services", "{app}.selectors", "{app}.models"]',
                ),
            ],
        ),
        (
            "README.md",
            [(r"(?m)^audit/ .*\n", rf"\g<0>{app + '/':<13} the company's {app.replace('_', ' ')}\n")],
        ),
    ]
    found = {}
    for name, changes in edits:
        text = (root / name).read_text()
        for pattern, replacement in changes:
            text, count = re.subn(pattern, replacement, text, count=1)
            if count != 1:
                raise AnchorMissing(f"{name} has no line matching {pattern}, next to which {app} belongs.")
        found[root / name] = text
    return found
