"""Spectral's OpenAPI rules and Redocly's recommended ones report no warnings.

The two exceptions are named, with their reasons, in `.spectral.yaml` and `.redocly.lint-ignore.yaml`.
"""

import json
from typing import Any

import pytest

from core.api import document
from tests.clients_generated.generators import LINTERS, install_node, run
from tests.live import ROOT


@pytest.fixture(scope="module")
def bin_(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("linters")
    install_node(folder, *LINTERS)
    return folder / "node_modules" / ".bin"


def test_spectral_has_no_warnings(bin_: Any) -> None:
    output = run(bin_ / "spectral", "lint", "--fail-severity", "hint", document.PATH, folder=ROOT)
    assert "No results" in output


def test_redocly_has_no_warnings(bin_: Any) -> None:
    output = run(
        bin_ / "redocly", "lint", "--extends=recommended", "--format=json", document.PATH, folder=ROOT
    )
    found = json.loads(output[output.index("{") : output.rindex("}") + 1])
    assert (found["totals"]["errors"], found["totals"]["warnings"]) == (0, 0)
    assert found["totals"]["ignored"] == 1
