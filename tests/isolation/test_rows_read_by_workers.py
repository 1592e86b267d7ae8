"""What workers claim and record costs the same however many other rows the company has, and whatever PostgreSQL knows of them (ADR 16)."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from accounts.models import Company
from core.tenancy import system_context, tenant_context
from messaging.models import Message, Recipient, Suppression
from messaging.services import create_message, create_suppression, send_due_messages
from messaging.services.callbacks import Report, record_reports
from tests.factories import SYSTEM, World, prove_senders
from tests.isolation.crowds import clone
from tests.isolation.rows_read import rows_read, without_statistics

CROWD = 10_000
GROUP = 40
# So often a connection plans the check of a foreign key anew; then it keeps the plan, made for a table of a few rows.
PLANNED_ANEW = 5
# Of one table, for one message. Reading the crowd once for a group of them takes 250.
FEW = 25


@contextmanager
def reading_little(count: int, *, crowds: int = 0) -> Iterator[None]:
    """Hold the block to FEW rows of each table for each of `count` messages, besides so many `crowds`."""
    before = rows_read()
    yield
    read = rows_read()
    read.subtract(before)
    most = FEW * count + crowds * CROWD
    assert {table: rows for table, rows in read.items() if rows > most} == {}


@pytest.fixture
def unknown() -> Iterator[None]:
    with without_statistics():
        yield


@pytest.fixture
def tenant(world: World) -> Any:
    """A tenant in live mode that may send as much as it likes."""
    prove_senders(world)
    with system_context(reason="tests"):
        Company.objects.filter(id=world.company.id).update(limit_overrides={"email_per_day": 10 * CROWD})
    return world.tenant()


def queue(tenant: Any, *to: str) -> Message:
    with tenant_context(tenant):
        return create_message(actor=SYSTEM, channel="email", to=to, subject="Hello", text="Hi").message


def crowd(tenant: Any, *models: Any) -> None:
    """Make a crowd of the newest row of each of `models`."""
    for model in models:
        with tenant_context(tenant):
            row = model.objects.order_by("id").last()
        assert row is not None
        clone(row, CROWD, analyze=False)


@pytest.mark.usefixtures("unknown")
def test_messages_are_claimed_and_recorded_without_reading_those_sent_before(
    world: World, tenant: Any
) -> None:
    tenant, other = world.tenant("test"), world.other_tenant("test")
    # In a larger table the indexes differ in height, by which PostgreSQL chooses between those it knows nothing of.
    with tenant_context(other):
        create_suppression(actor=SYSTEM, channel="email", address="gone@example.com")
    crowd(other, Suppression)
    for _ in range(PLANNED_ANEW + 1):
        queue(tenant, "delivered@test.pomelo.dev")
        send_due_messages(seconds=60)
    with tenant_context(tenant):
        create_suppression(actor=SYSTEM, channel="email", address="gone@example.com")
    crowd(tenant, Message, Recipient, Suppression)
    for number in range(GROUP):
        queue(tenant, f"a{number}@example.com", "bounced@test.pomelo.dev")

    with reading_little(GROUP):
        assert send_due_messages(seconds=60) == GROUP


@pytest.mark.usefixtures("unknown")
def test_reports_of_providers_are_recorded_without_reading_what_was_sent_before(tenant: Any) -> None:
    queue(tenant, "first@example.com")
    crowd(tenant, Message, Recipient)
    messages = [queue(tenant, f"a{number}@example.com") for number in range(GROUP)]
    reports = [
        Report(kind="delivered", message_id=message.id, address=f"a{number}@example.com")
        for number, message in enumerate(messages)
    ]

    # The recipients of all of these messages are read once: that is one statement, which may read those of the company.
    with reading_little(GROUP, crowds=1):
        assert record_reports(source="smtp", providers=frozenset({"smtp"}), reports=reports) == GROUP
