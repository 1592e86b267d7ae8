"""Expired messages are deleted with their dependent rows; pending ones stay, and undeletable ones block nothing."""

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connections

from core import clock
from core.tenancy import tenant_context
from messaging.attachments import Attachment
from messaging.models import (
    DailyShare,
    DailyUsage,
    Message,
    MessageAttachment,
    MessageStat,
    MessageTag,
    Recipient,
    RecipientEvent,
    Suppression,
)
from messaging.selectors.usage import used_on
from messaging.services import fold_statistics, prune_messages
from tests.factories import World
from tests.messaging.conftest import deliver, look
from tests.messaging.smtp import Mailhost
from tests.poison import reason_of

OURS = (Message, Recipient, RecipientEvent, MessageTag, MessageStat, DailyUsage, MessageAttachment)


@pytest.fixture
def days_later(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`days_later(40)` advances the time by 40 days; messages are kept for 31 days."""
    settings.MESSAGE_RETENTION_DAYS = 31
    now = clock.now()

    def later(days: float) -> None:
        monkeypatch.setattr(clock, "now", lambda: now + dt.timedelta(days=days))

    return later


def counts(tenant: Any) -> list[int]:
    with tenant_context(tenant):
        return [model.objects.count() for model in OURS]


def test_expired_message_is_deleted_with_its_related_rows(
    world: World, mailhost: Mailhost, queue: Callable[..., Message], days_later: Any
) -> None:
    # given a message that was sent to one address and bounced at another, and one that is scheduled
    tenant = world.tenant()
    files = [Attachment("a.txt", "text/plain", b"Hi"), Attachment("b.txt", "text/plain", b"Hi")]
    queue(tenant, "ada@example.com", "unknown@example.com", tags=["welcome"], attachments=files)
    deliver()
    waiting = queue(tenant, "later@example.com", send_at=clock.now() + dt.timedelta(days=30))
    fold_statistics()
    before = counts(tenant)
    assert (before[:4], before[-1]) == ([2, 3, 2, 1], 2)

    # when its days are not over, then it stays
    days_later(30.9)
    prune_messages()
    assert counts(tenant) == before

    # when they are, then it is gone; what waits is not, and a bad address stays suppressed
    days_later(32.5)
    prune_messages()
    assert counts(tenant) == [1, 1, 0, 0, 0, 1, 0]
    assert look(waiting)[0].status == "scheduled"
    with tenant_context(tenant):
        [entry] = Suppression.objects.all()
        assert (entry.address, entry.message_id) == ("unknown@example.com", None)


def test_retention_of_0_days_deletes_nothing(
    world: World, mailhost: Mailhost, queue: Callable[..., Message], days_later: Any, settings: Any
) -> None:
    settings.MESSAGE_RETENTION_DAYS = 0
    queue(world.tenant(), "ada@example.com")
    deliver()
    before = counts(world.tenant())

    days_later(4000)
    prune_messages()

    assert counts(world.tenant()) == before


@pytest.fixture
def held() -> Iterator[None]:
    """A third-party table with a reference to messages, like an extension's."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("CREATE TABLE held_messages (id uuid REFERENCES messaging_message (id))")
    yield
    with connections["owner"].cursor() as cursor:
        cursor.execute("DROP TABLE held_messages")


def test_undeletable_message_is_set_aside_and_others_are_deleted(
    world: World, mailhost: Mailhost, queue: Callable[..., Message], days_later: Any, held: None
) -> None:
    _, bad, _ = (queue(world.tenant(), f"{name}@example.com") for name in ("a", "b", "c"))
    deliver()
    with connections["owner"].cursor() as cursor:
        cursor.execute("INSERT INTO held_messages VALUES (%s)", [bad.id])

    days_later(33)
    prune_messages()

    with tenant_context(world.tenant()):
        assert [row.id for row in Message.objects.all()] == [bad.id]
        assert [row.message_id for row in Recipient.objects.all()] == [bad.id]
    assert "held_messages" in reason_of("messaging.prune", bad.public_id)


def test_shares_of_past_days_are_deleted_and_unused_capacity_is_not_counted(
    world: World, days_later: Any
) -> None:
    today = clock.now().date()
    with tenant_context(world.tenant()):
        DailyUsage.objects.create(channel="email", day=today, recipients=100)
        for unused in (7, 8):
            DailyShare.objects.create(channel="email", day=today, unused=unused)
        assert used_on("email", today) == 85

        days_later(1.5)
        prune_messages()
        assert DailyShare.objects.count() == 2

        days_later(4)
    prune_messages()

    with tenant_context(world.tenant()):
        assert DailyShare.objects.count() == 0
        assert DailyUsage.objects.get().recipients == used_on("email", today) == 85
