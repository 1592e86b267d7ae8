"""What the app says of itself is everywhere it belongs, though nothing of Pomelo's names it."""

from collections.abc import Callable
from typing import Any

from django.core.management import call_command
from django.test import Client

from core.api import error_docs
from core.api.scopes import PRESETS
from core.tenancy import tenant_context
from tests.contracts.refusing import client_of
from tests.engines import ROOT
from tests.example_app.tests.samples import make_booking
from tests.factories import World
from tests.webhooks.steps import make_endpoint
from webhooks.models import Delivery


def test_extensions_migration_matches_its_model() -> None:
    call_command("makemigrations", "bookings", check=True, dry_run=True, verbosity=0)


def test_extensions_pages_are_in_the_menu(world: World, login: Callable[..., Client]) -> None:
    page = login(world.owner, company=world.company).get("/").content.decode()

    assert page.count('href="/bookings/"') == 1


def test_extensions_scopes_can_be_granted(world: World, login: Callable[..., Client]) -> None:
    page = login(world.owner, company=world.company).get("/keys/new/").content.decode()

    assert all(f'value="bookings:{what}"' in page for what in ("read", "write", "confirm"))
    assert "bookings:read" in PRESETS["read-only"]
    assert "bookings:confirm" not in PRESETS["read-only"]


def test_extensions_actions_can_be_filtered(world: World, login: Callable[..., Client]) -> None:
    public_id = make_booking(world.tenant())

    page = login(world.owner, company=world.company).get("/audit/?action=booking.*").content.decode()

    assert public_id in page
    assert '<option value="booking.*" selected>Bookings</option>' in page


def test_extensions_errors_are_documented_on_the_served_page_only(client: Client) -> None:
    page = client.get("/docs/errors/").content.decode()

    assert 'id="booking_already_confirmed"' in page
    assert "booking_already_confirmed" not in error_docs.PATH.read_text()
    assert "bookings" not in (ROOT / "docs" / "audit.md").read_text()


def test_extensions_events_can_be_subscribed_to(world: World) -> None:
    client = client_of(world)
    make_endpoint(world.tenant(), "https://example.com/hook", events=["booking.*"])
    booking = make_booking(world.tenant())

    assert client.post(f"/v1/bookings/{booking}/confirm").status == 200

    found = client.get(f"/v1/events?object_id={booking}").json["data"]
    assert [event["type"] for event in found] == ["booking.confirmed", "booking.created"]
    with tenant_context(world.tenant()):
        assert not Delivery.objects.exists()  # the relay has not run


def test_extensions_rate_limit_appears_only_on_its_own_action(world: World) -> None:
    client: Any = client_of(world)
    booking = make_booking(world.tenant())

    confirmed = client.post(f"/v1/bookings/{booking}/confirm")

    assert '"confirmations";q=10;w=60' in confirmed.headers["RateLimit-Policy"]
    assert "confirmations" not in client.get(f"/v1/bookings/{booking}").headers["RateLimit-Policy"]
