"""`pomelo trigger` creates real objects and prints the resulting event."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from apikeys.services import IssuedKey
from billing.services import complete_payments
from pomelo_cli.triggering import RECIPES
from tests.billing.factories import set_aside_due_payments
from tests.cli.running import Running, finished
from tests.clients import ApiClient
from tests.factories import World, make_seller
from tests.live import WebProcess
from tests.sandbox import SandboxProcess
from webhooks.catalogue import CATALOGUE

SCOPES = [f"{name}:{does}" for name in ("customers", "invoices", "charges") for does in ("read", "write")] + [
    "events:read"
]


@pytest.fixture
def key(world: World, issue_key: Callable[..., IssuedKey]) -> Any:
    make_seller(world.tenant("test"))
    return issue_key(world.company, SCOPES, mode="test").client_secret


# What needs no worker: its event is there with the answer.
@pytest.mark.parametrize(
    "kind",
    [
        kind
        for kind in RECIPES
        if (kind.startswith(("customer.", "invoice.")) and kind != "invoice.paid") or kind == "charge.created"
    ],
)
def test_triggered_event_is_published(
    web: WebProcess, key: Any, api: Callable[..., ApiClient], kind: Any
) -> None:
    done = finished("trigger", kind, "--api-url", web.url, secret=key)
    assert (done.returncode, done.stderr) == (0, "")
    kind_printed, event, about = done.stdout.split()
    read = api(key).get(f"/v1/events/{event}").json
    assert (kind_printed, read["type"], read["data"]["object"]["id"]) == (kind, kind, about)


def test_trigger_waits_for_the_payment(
    web: WebProcess, key: Any, api: Callable[..., ApiClient], gateway: SandboxProcess
) -> None:
    set_aside_due_payments()
    with Running("trigger", "invoice.paid", "--api-url", web.url, secret=key) as running:
        deadline = time.monotonic() + 60
        while running.process.poll() is None and time.monotonic() < deadline:
            complete_payments()  # as the platform's worker does
            time.sleep(0.2)
        _, event, about = running.line("invoice.paid").split()
    read = api(key).get(f"/v1/events/{event}").json
    assert (read["type"], read["data"]["object"]["status"]) == ("invoice.paid", "paid")
    assert api(key).get(f"/v1/invoices/{about}").json["status"] == "paid"


def test_missing_scope_is_named(web: WebProcess, world: World, issue_key: Callable[..., IssuedKey]) -> None:
    key = issue_key(world.company, ["customers:read", "events:read"], mode="test").client_secret
    done = finished("trigger", "customer.created", "--api-url", web.url, secret=key)
    assert done.returncode == 1
    assert "Give the key the scope customers:write on the dashboard" in done.stderr


def test_unknown_event_type_lists_the_available_ones(web: WebProcess, key: Any) -> None:
    done = finished("trigger", "invoice.payed", "--api-url", web.url, secret=key)
    assert done.returncode == 1
    assert "'invoice.payed' cannot be triggered" in done.stderr
    assert "invoice.paid" in done.stderr


def test_every_recipe_is_for_an_existing_event() -> None:
    assert set(RECIPES) <= set(CATALOGUE)
