"""Claiming due messages: suppressed, scheduled, suspended, claimed, and lost by a worker."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from core import clock
from core.tenancy import system_context, tenant_context
from messaging.models import Message
from messaging.providers.base import Result
from messaging.services import claiming, create_suppression, delete_suppression, recording, sending
from tests.factories import SYSTEM, World
from tests.messaging.conftest import deliver, events_of, look, make_due
from tests.messaging.smtp import (
    Mailhost,
)


def test_suppressed_addresses_get_nothing_until_removed_from_the_list(
    world: World, mailhost: Mailhost, queue: Callable[..., Message]
) -> None:
    with tenant_context(world.tenant()):
        entry = create_suppression(actor=SYSTEM, channel="email", address="Ada@Example.com")
    blocked = queue(world.tenant(), "ada@example.com", "bob@example.com")
    elsewhere = queue(world.other_tenant(), "ada@example.com")

    deliver()

    row, recipients = look(blocked)
    assert recipients["ada@example.com"].status == "suppressed"
    assert recipients["bob@example.com"].status == "sent"
    assert row.status == "sent"
    assert events_of(blocked) == ["message.queued", "message.suppressed", "message.sent"]
    assert look(elsewhere)[0].status == "sent"
    assert [r.recipients for r in mailhost.received if "bob@example.com" in r.recipients] == [["bob@example.com"]]  # fmt: skip

    with tenant_context(world.tenant()):
        delete_suppression(suppression=entry, actor=SYSTEM)
    again = queue(world.tenant(), "ada@example.com")
    deliver()
    assert look(again)[0].status == "sent"


def test_message_to_suppressed_addresses_only_calls_no_provider(
    world: World, mailhost: Mailhost, queue: Callable[..., Message]
) -> None:
    with tenant_context(world.tenant()):
        create_suppression(actor=SYSTEM, channel="email", address="ada@example.com")
    message = queue(world.tenant(), "ada@example.com")

    deliver()

    assert look(message)[0].status == "suppressed"
    assert mailhost.received == []


def test_scheduled_message_waits_for_its_time(
    world: World, mailhost: Mailhost, queue: Callable[..., Message]
) -> None:
    message = queue(world.tenant(), "a@example.com", send_at=clock.now() + dt.timedelta(hours=1))

    deliver()
    assert (look(message)[0].status, mailhost.received) == ("scheduled", [])

    make_due(message)
    deliver()
    assert look(message)[0].status == "sent"


def test_suspended_company_pauses_and_resumes_without_loss(
    world: World, mailhost: Mailhost, queue: Callable[..., Message]
) -> None:
    from accounts.services import resume_company, suspend_company

    suspend_company(company=world.company, reason="unpaid", actor=SYSTEM)
    paused = queue(world.tenant(), "paused@example.com")
    other = queue(world.other_tenant(), "other@example.com")

    deliver()
    assert (look(paused)[0].status, look(other)[0].status) == ("queued", "sent")

    resume_company(company=world.company, reason="paid", actor=SYSTEM)
    deliver()
    assert look(paused)[0].status == "sent"
    assert len(mailhost.to("paused@example.com")) == 1


def test_every_company_gets_a_share_of_each_claim(
    world: World, mailhost: Mailhost, queue: Callable[..., Message]
) -> None:
    for number in range(40):
        queue(world.tenant(), f"backlog{number}@example.com")
    late = queue(world.other_tenant(), "late@example.com")

    jobs = claiming.claim_due(call_seconds=30, batch=8).jobs

    assert late.id in {job.message.id for job in jobs}
    assert len(jobs) <= 8
    _give_back(jobs)
    deliver()


def _give_back(jobs: Any) -> None:
    with system_context(reason="tests"):
        Message.objects.filter(id__in=[job.message.id for job in jobs]).update(due_at=clock.now())


def test_two_workers_never_claim_the_same_message(
    world: World, mailhost: Mailhost, queue: Callable[..., Message]
) -> None:
    message = queue(world.tenant(), "a@example.com")

    first = [job.message.id for job in claiming.claim_due(call_seconds=30).jobs]
    second = [job.message.id for job in claiming.claim_due(call_seconds=30).jobs]

    assert message.id in first
    assert message.id not in second
    with system_context(reason="tests"):
        Message.objects.filter(id__in=first).update(due_at=clock.now())


def test_worker_with_an_expired_lease_writes_nothing(
    world: World, mailhost: Mailhost, queue: Callable[..., Message]
) -> None:
    message = queue(world.tenant(), "a@example.com")
    [slow] = [job for job in claiming.claim_due(call_seconds=30).jobs if job.message.id == message.id]
    make_due(message)
    [fast] = [job for job in claiming.claim_due(call_seconds=30).jobs if job.message.id == message.id]
    assert (slow.message.attempt, fast.message.attempt) == (1, 2)

    stale = recording.Progress(slow, 0, sending._updates_from(_part(slow, "failed")))
    recording.record([stale])
    assert look(message)[1]["a@example.com"].status == "queued"

    current = recording.Progress(fast, 0, sending._updates_from(_part(fast, "sent")))
    recording.record([current])
    assert look(message)[0].status == "sent"


def _part(job: Any, outcome: Any) -> Any:
    [part] = sending._parts(job)
    part.results = [Result(target.recipient_id, outcome) for target in part.envelope.targets]
    return part


def test_provider_calls_are_not_started_near_the_end_of_the_lease(
    world: World, mailhost: Mailhost, queue: Callable[..., Message], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("messaging.services.sending.CALL_SECONDS", 3600)
    message = queue(world.tenant(), "a@example.com")

    sending.send_due_messages(seconds=0.2)

    row, _ = look(message)
    assert (row.status, row.deferrals, mailhost.of(message.public_id)) == ("sending", 0, [])
    assert row.due_at <= clock.now()
    monkeypatch.undo()


def test_message_that_kills_its_workers_is_abandoned(
    world: World, mailhost: Mailhost, queue: Callable[..., Message]
) -> None:
    message = queue(world.tenant(), "a@example.com")
    with system_context(reason="tests"):
        Message.objects.filter(id=message.id).update(attempt=sending.MAX_CLAIMS)

    deliver()

    row, recipients = look(message)
    assert (row.status, recipients["a@example.com"].error_code) == ("failed", "too_many_attempts")
    assert mailhost.of(message.public_id) == []
