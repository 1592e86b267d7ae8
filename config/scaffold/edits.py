"""The lines by which Pomelo itself knows an app that lives in its repository. One from elsewhere needs none: `EXTENSIONS`."""

import re
from pathlib import Path

from config.scaffold.files import NewResource


class AnchorMissing(ValueError):
    """A file has not the line beside which the new one belongs; the text says which."""


def edited_files(new: NewResource, root: Path) -> dict[Path, str]:
    """Return the new text of every file of Pomelo's that names its apps. Raises AnchorMissing; writes nothing."""
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
                raise AnchorMissing(f"{name} has no line like {pattern}, beside which {app} belongs.")
        found[root / name] = text
    return found
