"""Fixtures for the messaging tests: an SMTP server as the email provider, and helpers to send and inspect messages."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from core import clock
from core.models import OutboxEvent
from core.tenancy import system_context, tenant_context
from messaging.models import Message, Recipient, RecipientEvent
from messaging.services import create_message, send_due_messages
from tests.factories import SYSTEM, World, make_world, prove_senders
from tests.messaging.priced_sms import priced as priced
from tests.messaging.priced_sms import vendor as vendor
from tests.messaging.smtp import Mailhost, mail_server


@pytest.fixture(autouse=True)
def _only_what_is_due_here() -> None:
    """Postpone what other tests left due in the same database, because tests count what reaches their provider."""
    tomorrow = clock.now() + timedelta(days=1)
    with system_context(reason="tests"):
        Message.objects.filter(due_at__lt=tomorrow - timedelta(hours=1)).update(due_at=tomorrow)


@pytest.fixture
def world() -> World:
    """A small world whose companies have verified senders."""
    found = make_world()
    prove_senders(found)
    return found


@pytest.fixture
def mailhost(settings: Any) -> Iterator[Mailhost]:
    """The SMTP server, set as the provider of email."""
    with mail_server() as (handler, url):
        settings.MESSAGING_SMTP_URL = url
        settings.MESSAGING_PROVIDERS = {"email": "smtp", "sms": "file"}
        yield handler


@pytest.fixture
def queue() -> Callable[..., Message]:
    """`queue(tenant, "a@example.com", …)` accepts an email to these addresses and returns its row."""

    def accept(tenant: Any, *to: str, **fields: Any) -> Message:
        with tenant_context(tenant):
            content = {"channel": "email", "subject": "Hello", "text": "Hi"} | fields
            return create_message(actor=SYSTEM, to=to, **content).message

    return accept


def deliver(*, seconds: float = 60) -> int:
    """Send everything that is due."""
    return send_due_messages(seconds=seconds)


def look(message: Message) -> tuple[Message, dict[str, Recipient]]:
    """Return the current message, and its recipients by address."""
    with tenant_context(message.tenant):
        row = Message.objects.get(id=message.id)
        return row, {recipient.address: recipient for recipient in row.recipients.all()}


def events_of(row: Any) -> list[str]:
    """Return the types of the events of a message or another object, in order."""
    with tenant_context(row.tenant):
        return list(
            OutboxEvent.objects.filter(object_id=row.public_id).order_by("id").values_list("type", flat=True)
        )


def time_line(message: Message, address: str) -> list[tuple[str, str]]:
    """Return (kind, code) of every event of a recipient."""
    with tenant_context(message.tenant):
        rows = RecipientEvent.objects.filter(recipient__message=message, recipient__address=address)
        return list(rows.order_by("id").values_list("kind", "code"))


def make_due(message: Message) -> None:
    """Advance the time to the next attempt."""
    with system_context(reason="tests"):
        Message.objects.filter(id=message.id, due_at__isnull=False).update(
            due_at=clock.now() - timedelta(seconds=1)
        )
