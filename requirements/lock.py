"""Compile `base.txt`, `tracing.txt`, `stripe.txt`, `dev.txt` and `checkov.txt` from pyproject.toml, with hashes; `--check` verifies them.

Run by `make lock` and `make check`. The check needs no network: it compares the requirements in pyproject.toml with the pins.
"""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
BASE, TRACING, STRIPE, DEV, CHECKOV = (
    ROOT / "requirements" / f"{name}.txt" for name in ("base", "tracing", "stripe", "dev", "checkov")
)
PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)


def compile_pins() -> None:
    """Resolve for Python 3.11 and later, keeping current pins where possible."""
    for target, extra in (
        (BASE, ["pyproject.toml"]),
        (TRACING, ["pyproject.toml", "--extra", "tracing"]),
        (STRIPE, ["pyproject.toml", "--extra", "stripe"]),
        (DEV, ["pyproject.toml", "--extra", "dev", "--extra", "tracing", "--extra", "stripe"]),
        (CHECKOV, ["--group", "checkov"]),
    ):
        command = [
            "uv",
            "pip",
            "compile",
            *extra,
            "--universal",
            "--python-version",
            "3.11",
        ]
        options = ["--generate-hashes", "--no-header", "--no-annotate", "--quiet", "--no-emit-index-url"]
        constraints = [] if target in (BASE, CHECKOV) else ["--constraint", str(BASE)]
        subprocess.run(  # noqa: S603 - a fixed command
            [*command, *options, *constraints, "--output-file", str(target)],
            cwd=ROOT,
            check=True,
            env=os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"},
        )


def problems() -> list[str]:
    """Return the problems found."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    project, groups = settings["project"], settings["dependency-groups"]
    texts = {path: path.read_text() for path in (BASE, TRACING, STRIPE, DEV, CHECKOV)}
    pins = {path: {canonicalize_name(n): v for n, v in PIN.findall(text)} for path, text in texts.items()}
    always, extras = project["dependencies"], project["optional-dependencies"]
    wanted = {
        BASE: always,
        TRACING: always + extras["tracing"],
        STRIPE: always + extras["stripe"],
        DEV: always + extras["tracing"] + extras["stripe"] + extras["dev"],
        CHECKOV: groups["checkov"],
    }
    found = []
    for path in wanted:
        for line in wanted[path]:
            requirement = Requirement(line)
            version = pins[path].get(canonicalize_name(requirement.name))
            if version is None or not requirement.specifier.contains(version, prereleases=True):
                found.append(f"{path.name}: {line} is not pinned (found {version}); run `make lock`")
        if re.search(
            r"^\s*(-i|--index-url|--extra-index-url|--find-links)|https?://", texts[path], re.MULTILINE
        ):
            found.append(f"{path.name}: names an index")
        unhashed = re.sub(r"\\\n", " ", texts[path]).splitlines()
        found += [
            f"{path.name}: no hash for {line}"
            for line in unhashed
            if PIN.match(line) and "--hash=" not in line
        ]
    return found + [
        f"{path.name} pins {name} differently from base.txt"
        for path in (TRACING, STRIPE, DEV)
        for name, version in pins[BASE].items()
        if pins[path].get(name) != version
    ]


if __name__ == "__main__":
    if "--check" not in sys.argv:
        compile_pins()
    complaints = problems()
    sys.exit("\n".join(complaints) if complaints else 0)
