"""An integrator meets the generated client first: each is made of docs/openapi.json, compiled, and makes the same calls."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from apikeys.services import IssuedKey
from tests.clients_generated.conftest import HELD
from tests.clients_generated.generators import GENERATORS, run
from tests.factories import World, make_seller
from tests.live import WebProcess

CALLS = [
    "whoami",
    "customer created",
    "customer changed, null clears",
    "customers listed, page by page",
    "invoice above 2^31",
    "charge",
    "PDF as bytes",
    "email",
    "SMS",
    "webhook endpoint",
    "customer deleted",
    "403 typed",
    "429 typed",
]
OBJECTS = ("customers", "invoices", "charges", "webhooks")
SCOPES = [f"{name}:{does}" for name in OBJECTS for does in ("read", "write")] + ["messaging:send"]


@pytest.mark.parametrize("name", GENERATORS)
def test_every_call_holds(
    name: Any, web: WebProcess, world: World, issue_key: Callable[..., IssuedKey], tmp_path: Path
) -> None:
    make_seller(world.tenant("test"))
    command = GENERATORS[name](tmp_path)
    keys = {
        "KEY": issue_key(world.company, SCOPES, mode="test"),
        "NARROW_KEY": issue_key(world.company, ["customers:read"], mode="test"),
        "SLOW_KEY": issue_key(world.company, mode="test", rate_limit=3),
    }
    secrets = {each: key.client_secret for each, key in keys.items()}
    said = run(*command, folder=tmp_path, BASE_URL=web.url, **secrets).splitlines()
    HELD[name] = [call for call in CALLS if call in said]
    assert HELD[name] == CALLS, said
