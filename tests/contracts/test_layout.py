"""What the import contracts cannot see: that every app is among them."""

import tomllib
from pathlib import Path

from django.apps import apps
from django.conf import settings

from core.resources import is_extension


def test_every_app_of_ours_is_under_the_import_contracts() -> None:
    contracts = tomllib.loads((Path(settings.BASE_DIR) / "pyproject.toml").read_text())["tool"][
        "importlinter"
    ]
    ours = {
        config.name.partition(".")[0]
        for config in apps.get_app_configs()
        if Path(config.path).is_relative_to(settings.BASE_DIR)
        and ".venv" not in config.path
        and not is_extension(config.name)
    }
    assert set(contracts["root_packages"]) == ours
