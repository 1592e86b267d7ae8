"""The generated client whose generator is a development requirement, so that it runs with the suite."""

from pathlib import Path
from typing import Any

import pytest

from tests.clients_generated.calls import CALLS, calls_held
from tests.clients_generated.conftest import HELD
from tests.clients_generated.generators import LOCKED
from tests.factories import World
from tests.live import WebProcess


@pytest.mark.parametrize("name", LOCKED)
def test_every_generated_client_makes_every_call(
    name: Any, web: WebProcess, world: World, tmp_path: Path
) -> None:
    HELD[name] = calls_held(name, web, world, tmp_path)
    assert HELD[name] == CALLS
