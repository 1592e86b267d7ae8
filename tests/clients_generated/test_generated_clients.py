"""Each client generated from docs/openapi.json compiles, and makes the same calls."""

from pathlib import Path
from typing import Any

import pytest

from tests.clients_generated.calls import CALLS, calls_held
from tests.clients_generated.conftest import HELD
from tests.clients_generated.generators import GENERATORS, LOCKED
from tests.factories import World
from tests.live import WebProcess


@pytest.mark.parametrize("name", [name for name in GENERATORS if name not in LOCKED])
def test_every_generated_client_makes_every_call(
    name: Any, web: WebProcess, world: World, tmp_path: Path
) -> None:
    HELD[name] = calls_held(name, web, world, tmp_path)
    assert HELD[name] == CALLS
