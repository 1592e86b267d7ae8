"""Checks dependencies: known vulnerabilities of the pinned packages (pip-audit), and a bill of materials (CycloneDX).

`python .ci/dependencies.py audit` fails if a pinned version has a known vulnerability. If the vulnerability service is unreachable
(a build without network), it prints how many packages could not be checked, and does not fail.
`python .ci/dependencies.py sbom FILE` writes the bill of materials of a production installation (requirements/base.txt).
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from packageurl import PackageURL

ROOT = Path(__file__).resolve().parent.parent
PRODUCTION = "base"
# `dev` includes `base`, `tracing` and `stripe`; checkov is installed separately.
AUDITED = ("dev", "checkov")
SECONDS = 120
PINNED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^\s;\\]+)", re.MULTILINE)


def pinned(lock: str) -> dict[str, str]:
    """Return the packages and versions of a lock file."""
    found = dict(PINNED.findall((ROOT / "requirements" / f"{lock}.txt").read_text()))
    if not found:
        raise SystemExit(f"requirements/{lock}.txt pins nothing.")
    return found


def audit(lock: str) -> list[str]:
    """Return a line for each known vulnerability of a pinned version, and print how many packages could be checked."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        try:
            why = _run_pip_audit(lock, folder, report)
        except subprocess.TimeoutExpired:
            why = f"no answer within {SECONDS} seconds"
        if not report.is_file():
            sys.stdout.write(f"{lock}: nothing could be asked: {why}\n")
            return []
        dependencies = json.loads(report.read_text())["dependencies"]
    skipped = [each for each in dependencies if "skip_reason" in each]
    note = f" Of {skipped[0]['name']} it was said: {skipped[0]['skip_reason'][:200]}" if skipped else ""
    sys.stdout.write(
        f"{lock}: {len(dependencies) - len(skipped)} of {len(dependencies)} packages could be asked about.{note}\n"
    )
    return [
        f"{lock}: {each['name']} {each['version']}: {known['id']}, mended in {', '.join(known['fix_versions']) or 'no version yet'}"
        for each in dependencies
        for known in each.get("vulns", [])
    ]


def _run_pip_audit(lock: str, folder: str, report: Path) -> str:
    """Run pip-audit and return the end of its error output. Raises TimeoutExpired."""
    done = subprocess.run(  # noqa: S603
        [
            sys.executable, "-m", "pip_audit", "--no-deps", "--disable-pip", "--progress-spinner", "off",
            "--timeout", "5", "--cache-dir", folder, "--format", "json", "--output", str(report),
            "--requirement", str(ROOT / "requirements" / f"{lock}.txt"),
        ],
        check=False, capture_output=True, text=True, timeout=SECONDS,
    )  # fmt: skip
    return (done.stderr.strip().splitlines() or ["no answer"])[-1][:200]


def sbom(path: Path) -> None:
    """Write the production bill of materials as CycloneDX 1.6."""
    components = [
        Component(
            name=name,
            version=version,
            type=ComponentType.LIBRARY,
            purl=PackageURL("pypi", None, name.lower(), version),
        )
        for name, version in sorted(pinned(PRODUCTION).items())
    ]
    bom = Bom(components=components)
    bom.metadata.component = Component(name="pomelo", type=ComponentType.APPLICATION)
    bom.register_dependency(bom.metadata.component, components)
    path.parent.mkdir(parents=True, exist_ok=True)
    make_outputter(bom, OutputFormat.JSON, SchemaVersion.V1_6).output_to_file(
        str(path), allow_overwrite=True, indent=2
    )
    sys.stdout.write(f"{len(components)} components in {os.path.relpath(path)}" + "\n")


if __name__ == "__main__":
    if sys.argv[1] == "sbom":
        sbom(Path(sys.argv[2]))
    else:
        weaknesses = [line for lock in AUDITED for line in audit(lock)]
        sys.exit("\n".join(weaknesses) if weaknesses else 0)
