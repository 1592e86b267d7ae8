"""Test mode: the same API and events, and nothing is sent."""

from collections.abc import Callable

import pytest

from core.tenancy import tenant_context
from messaging.models import Message, Suppression
from messaging.services import create_suppression
from tests.factories import SYSTEM, World
from tests.messaging.conftest import deliver, events_of, look
from tests.messaging.smtp import Mailhost


@pytest.mark.parametrize(
    ("address", "status", "events"),
    [
        ("delivered@test.pomelo.dev", "delivered", ["sent", "delivered"]),
        ("delivered+label@test.pomelo.dev", "delivered", ["sent", "delivered"]),
        ("bounced@test.pomelo.dev", "bounced", ["sent", "bounced"]),
        ("complained@test.pomelo.dev", "complained", ["sent", "delivered", "complained"]),
        ("suppressed@test.pomelo.dev", "suppressed", ["suppressed"]),
        ("failed@test.pomelo.dev", "failed", ["failed"]),
        ("ada@example.com", "delivered", ["sent", "delivered"]),
    ],
)
def test_magic_email_addresses_simulate_their_outcome(
    world: World,
    mailhost: Mailhost,
    queue: Callable[..., Message],
    address: str,
    status: str,
    events: list[str],
) -> None:
    message = queue(world.tenant("test"), address)

    deliver()

    assert look(message)[0].status == status
    assert events_of(message) == ["message.queued", *(f"message.{name}" for name in events)]
    assert mailhost.of(message.public_id) == []


@pytest.mark.parametrize(
    ("number", "status"),
    [
        ("+15005550006", "delivered"),
        ("+15005550001", "failed"),
        ("+15005550004", "suppressed"),
        ("+15005550009", "bounced"),
        ("+4930123456", "delivered"),
    ],
)
def test_magic_phone_numbers_simulate_their_outcome(
    world: World, queue: Callable[..., Message], number: str, status: str
) -> None:
    message = queue(world.tenant("test"), number, channel="sms", subject="", text="Hi")

    deliver()

    assert look(message)[0].status == status


def test_test_complaint_suppresses_in_test_mode_only(world: World, queue: Callable[..., Message]) -> None:
    queue(world.tenant("test"), "complained@test.pomelo.dev")

    deliver()

    with tenant_context(world.tenant("test")):
        assert list(Suppression.objects.values_list("address", "origin")) == [("complained@test.pomelo.dev", "complaint")]  # fmt: skip
    with tenant_context(world.tenant()):
        assert not Suppression.objects.exists()


def test_magic_addresses_keep_their_outcome_on_reuse(world: World, queue: Callable[..., Message]) -> None:
    tenant = world.tenant("test")
    first = queue(tenant, "bounced@test.pomelo.dev")
    deliver()
    second = queue(tenant, "bounced@test.pomelo.dev")
    deliver()

    assert (look(first)[0].status, look(second)[0].status) == ("bounced", "bounced")


def test_the_test_suppression_list_works_too(world: World, queue: Callable[..., Message]) -> None:
    with tenant_context(world.tenant("test")):
        create_suppression(actor=SYSTEM, channel="email", address="ada@example.com")
    message = queue(world.tenant("test"), "ada@example.com")

    deliver()

    assert look(message)[0].status == "suppressed"
