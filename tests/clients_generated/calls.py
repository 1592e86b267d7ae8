"""The calls that every generated client makes, and which of them succeeded."""

from pathlib import Path

from tests.clients_generated.generators import GENERATORS, run
from tests.factories import World, make_key, make_seller
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


def calls_held(name: str, web: WebProcess, world: World, folder: Path) -> list[str]:
    """Make a client, check and start it in `folder`; return the calls that it says held. Fails with what was said otherwise."""
    make_seller(world.tenant("test"))
    command = GENERATORS[name](folder)
    keys = {
        "KEY": make_key(world.company, SCOPES, mode="test"),
        "NARROW_KEY": make_key(world.company, ["customers:read"], mode="test"),
        "SLOW_KEY": make_key(world.company, mode="test", rate_limit=3),
    }
    secrets = {each: key.client_secret for each, key in keys.items()}
    output = run(*command, folder=folder, BASE_URL=web.url, **secrets).splitlines()
    return [call for call in CALLS if call in output]
