"""A poisoned row in every batch: the others are done, and the bad one is set aside with its reason, or comes to its own end."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.db import connection

from apikeys import usage
from apikeys.models import ApiKey, LeakReport
from apikeys.services import notices, reports, revoke_key
from apikeys.tasks import repeat_fences
from audit.ingest import batches, stream
from audit.ingest.rows import CONTENT
from audit.ingest.writer import Writer
from audit.models import AuditEntry, RequestLog
from audit.seals import entries as sealing
from audit.signing import canonical
from billing.gateways import Outcome
from billing.models import Charge
from billing.services import complete_payments, completion
from config.celery import app
from core import clock
from core.models import SetAside
from core.security import sealed
from core.tenancy import Tenant, system_context, tenant_context
from core.valkey import commands, fences
from core.valkey.commands import CommandRefused
from core.values import ids
from messaging.callbacks.base import Unreadable, read_each
from messaging.models import Message
from messaging.providers.base import Result
from messaging.providers.file import FileProvider
from messaging.services import callbacks, create_message, recording, send_due_messages, sending
from messaging.services.callbacks import Report, record_reports
from messaging.services.outcomes import record_updates
from tests.apikeys.found_keys import send
from tests.audit.rows import make_row
from tests.billing.factories import make_charge, set_aside_due_payments
from tests.factories import SYSTEM, World, ensure_domain, make_key
from tests.poison import REASON, Poison, poison, reason_of
from tests.webhooks.steps import make_endpoint
from webhooks import emails
from webhooks.models import Endpoint


@pytest.mark.parametrize(
    ("sweep", "batch", "fields", "subject"),
    [
        (
            notices.notify_expiry,
            "apikeys.notify_expiry",
            {"expires_at": clock.now() + timedelta(days=3)},
            "The API key good expires soon",
        ),
        (notices.remind_rotation, "apikeys.remind_rotation", {}, "Time to rotate the API key good"),
    ],
    ids=["expiry", "rotation"],
)
def test_failing_notice_does_not_block_others(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    sweep: Callable[..., int],
    batch: str,
    fields: dict[str, Any],
    subject: str,
) -> None:
    bad, good = (make_key(world.company, name=name, **fields) for name in ("bad", "good"))
    poison(monkeypatch, notices, "represent_key", lambda key: key.id == bad.key.id)
    now = clock.now() + (timedelta(0) if fields else timedelta(days=91))
    mail.outbox.clear()

    for _ in range(20):
        if sweep(now=now) == 0:
            break

    assert [message.subject for message in mail.outbox if message.to == [world.owner.email]] == [subject]
    assert reason_of(batch, bad.key.public_id) == REASON
    assert reason_of(batch, good.key.public_id) is None


def test_failing_exposure_report_does_not_block_others(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    bad, good = make_key(world.company), make_key(world.company)
    for issued in (bad, good):
        assert send(issued.client_secret).status_code == 202
    poison(monkeypatch, reports, "is_secret_of", lambda text, row: text == bad.client_secret)

    reports.evaluate_reports(now=clock.now())

    with system_context(reason="tests"):
        left = list(LeakReport.objects.filter(id__in=set_aside_rows("apikeys.evaluate_reports")))
    assert [reason_of("apikeys.evaluate_reports", str(report.id)) for report in left] == [REASON]
    with tenant_context(world.tenant()):
        bad.key.refresh_from_db()
        good.key.refresh_from_db()
    assert (bad.key.leaked_at, good.key.leaked_at is not None) == (None, True)


def set_aside_rows(batch: str) -> list[Any]:
    with system_context(reason="tests"):
        return list(SetAside.objects.filter(batch=batch).values_list("row_id", flat=True))


def test_failing_webhook_notice_does_not_block_others(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    bad, good = (make_endpoint(world.tenant(), f"https://example.com/{name}")[0] for name in ("bad", "good"))
    with tenant_context(world.tenant()):
        Endpoint.objects.filter(id__in=[bad.id, good.id]).update(
            enabled=False, disabled_reason="failing", disabled_at=clock.now(), notice_due=True
        )
    poison(monkeypatch, emails, "send_mail", lambda *, context, **_: context["endpoint"].id == bad.id)
    mail.outbox.clear()

    emails.send_notices()

    bodies = [message.body for message in mail.outbox if message.to == [world.owner.email]]
    assert len(bodies) == 1
    assert good.public_id in bodies[0]
    assert reason_of("webhooks.send_notices", bad.public_id) == REASON


def test_payment_that_cannot_be_completed_does_not_block_others(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_aside_due_payments()
    unasked, unsettled, good = (make_charge(world.tenant(), settle=False) for _ in range(3))

    def ask(claim: Any) -> Outcome:
        if claim.payment.id == unasked.id:
            raise Poison("this row cannot be worked on")
        return Outcome(succeeded=True, reference=f"gw_{claim.payment.id.hex}")

    monkeypatch.setattr(completion, "_call_gateway", ask)
    poison(monkeypatch, completion, "settle_charge", lambda *, charge, **_: charge.id == unsettled.id)

    assert complete_payments(max_batches=1) == 1

    assert status_of(world.tenant(), good) == "succeeded"
    assert [reason_of("billing.complete_payments", row.public_id) for row in (unasked, unsettled)] == [
        REASON,
        REASON,
    ]
    # Both are due again when their lease ends, and then leave the list.
    monkeypatch.undo()
    monkeypatch.setattr(completion, "_call_gateway", lambda claim: Outcome(succeeded=True, reference="gw_1"))
    with tenant_context(world.tenant()):
        Charge.objects.filter(status="pending").update(due_at=clock.now())
    assert complete_payments(max_batches=1) == 2
    assert reason_of("billing.complete_payments", unasked.public_id) is None


def status_of(tenant: Tenant, charge: Charge) -> str:
    with tenant_context(tenant):
        return Charge.objects.get(id=charge.id).status


@pytest.mark.parametrize(
    "poisoned",
    [{"path": "/v1/\x00"}, {"status": 2**31}, {"company": "nobody"}, {"duration_us": "long"}],
    ids=["a NUL", "a number too large", "no company's id", "a text for a number"],
)
def test_request_that_cannot_be_stored_does_not_keep_others_out_of_the_log(
    world: World, poisoned: dict[str, Any]
) -> None:
    first, bad, last = (
        make_row(world.company.id),
        make_row(world.company.id),
        make_row(world.company.id),
    )
    for name, value in poisoned.items():
        bad[CONTENT.index(name)] = value
    stream.REQUESTS.add(batches.pack([canonical(row) for row in (first, bad, last)]))
    write_until_empty()

    with tenant_context(world.tenant()):
        logged = set(RequestLog.objects.values_list("id", flat=True))
    assert logged == {uuid.UUID(first[0]), uuid.UUID(last[0])}
    assert reason_of("audit.write_requests", ids.encode("req", uuid.UUID(bad[0]))) is not None


def test_invalid_request_batch_does_not_keep_others_out_of_the_log(world: World) -> None:
    row = make_row(world.company.id)
    stream.REQUESTS.add(sealed.seal(batches.SCHEMA, b"no rows"))
    stream.REQUESTS.add(batches.pack([canonical(row)]))
    write_until_empty()

    with tenant_context(world.tenant()):
        assert RequestLog.objects.filter(id=uuid.UUID(row[0])).exists()


def write_until_empty() -> None:
    for _ in range(5):
        Writer().drain(seconds=30)
    assert stream.REQUESTS.waiting() == 0


def test_failing_fence_does_not_block_others(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    bad, strange, good = (make_key(world.company) for _ in range(3))
    with tenant_context(world.tenant()):
        for issued in (bad, strange, good):
            revoke_key(key=issued.key, actor=SYSTEM)
    names = [fences.key_fence(world.company.id, issued.key.id) for issued in (bad, strange, good)]
    commands.call("SET", names[1], "no fence")
    commands.call("DEL", names[2])
    raise_now = fences.raise_now

    def raise_or_refuse(name: str, version: int) -> None:
        if name == names[0]:
            raise CommandRefused("OOM command not allowed")
        raise_now(name, version)

    monkeypatch.setattr(fences, "raise_now", raise_or_refuse)

    repeat_fences()

    assert [commands.call("GET", name)[:2] for name in names[1:]] == [b"2:", b"2:"]
    assert reason_of("apikeys.repeat_fences", bad.key.public_id) is not None
    assert reason_of("apikeys.repeat_fences", strange.key.public_id) is None


def queue_email(tenant: Tenant, address: str) -> Message:
    ensure_domain(tenant)
    with tenant_context(tenant):
        return create_message(actor=SYSTEM, to=[address], channel="email", subject="Hi", text="Hi").message


@pytest.fixture
def sent_to(settings: Any, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the provider of email was given; it answers with a NUL and half a surrogate about `nul@`, with nonsense about
    `stranger@`."""
    given: list[str] = []

    def send(self: Any, envelope: Any) -> list[Result]:
        (target,) = envelope.targets
        given.append(target.address)
        if target.address.startswith("nul@"):
            return [Result(target.recipient_id, "bounced", "x\x00", "it said \x00 \ud800", "\x00")]
        if target.address.startswith("stranger@"):
            return [Result(uuid.uuid4(), "sent")]
        return [Result(target.recipient_id, "sent")]

    settings.MESSAGING_PROVIDERS = {"email": "file", "sms": "file"}
    monkeypatch.setattr(FileProvider, "send", send)
    with system_context(reason="tests"):
        Message.objects.filter(due_at__isnull=False).update(due_at=clock.now() + timedelta(days=1))
    return given


def statuses(*messages: Message) -> list[str]:
    with system_context(reason="tests"):
        found = {row.id: row.status for row in Message.objects.filter(id__in=[row.id for row in messages])}
    return [found[row.id] for row in messages]


def test_what_a_provider_says_is_stored_whatever_characters_are_in_it(
    world: World, sent_to: list[str]
) -> None:
    bad, good = (queue_email(world.tenant(), f"{name}@example.com") for name in ("nul", "good"))
    stranger = queue_email(world.tenant(), "stranger@example.com")
    other = queue_email(world.other_tenant(), "other@example.com")

    send_due_messages(seconds=30)

    assert statuses(bad, good, other, stranger) == ["bounced", "sent", "sent", "sending"]
    assert sorted(sent_to) == [
        "good@example.com",
        "nul@example.com",
        "other@example.com",
        "stranger@example.com",
    ]
    with tenant_context(world.tenant()):
        (recipient,) = bad.recipients.all()
    assert recipient.error_message == "it said \ufffd ?"


def test_result_that_cannot_be_recorded_is_not_resent_and_does_not_block_others(
    world: World, sent_to: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    hopeless, bad, good = (
        queue_email(world.tenant(), f"{name}@example.com") for name in ("no", "bad", "good")
    )

    def refuse(*, messages: Any, updates: Any, **others: Any) -> None:
        if hopeless.id in messages or (
            bad.id in messages and any(item.code != "unreadable_answer" for item in updates)
        ):
            raise Poison("this row cannot be worked on")
        record_updates(messages=messages, updates=updates, **others)

    monkeypatch.setattr(recording, "record_updates", refuse)

    send_due_messages(seconds=30)

    assert statuses(hopeless, bad, good) == ["failed", "sent", "sent"]
    assert len(sent_to) == 3
    assert [reason_of("messaging.send_due", row.public_id) for row in (hopeless, bad, good)] == [
        REASON,
        REASON,
        None,
    ]


def test_message_that_cannot_be_sent_now_waits_and_others_are_sent(
    world: World, sent_to: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = (queue_email(world.tenant(), f"{name}@example.com") for name in ("bad", "good"))
    poison(monkeypatch, sending, "_parts", lambda job: job.message.id == bad.id)

    send_due_messages(seconds=30)

    assert statuses(bad, good) == ["sending", "sent"]
    assert sent_to == ["good@example.com"]
    assert reason_of("messaging.send_due", bad.public_id) == REASON


def test_unreadable_delivery_report_does_not_block_others(
    world: World, sent_to: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = (queue_email(world.tenant(), f"{name}@example.com") for name in ("bad", "good"))
    send_due_messages(seconds=30)
    poison(monkeypatch, callbacks, "RecipientUpdate", lambda *_, detail, **__: detail == "poisoned")
    reports = [
        Report("delivered", message_id=message.id, address=address, note_id=note, detail=detail)
        for message, address, note, detail in (
            (bad, "bad@example.com", f"n-{bad.public_id}", "poisoned"),
            (good, "good@example.com", f"n-{good.public_id}", "\x00 fine"),
            (good, "\x00@example.com", "n-3", ""),
        )
    ]

    assert record_reports(source="callback", providers=frozenset({"file"}), reports=reports) == 1

    assert statuses(bad, good) == ["sent", "delivered"]
    assert reason_of("messaging.callbacks", f"callback: delivered n-{bad.public_id}") == REASON


def test_unreadable_event_does_not_block_others_in_the_same_callback() -> None:
    good = Report("delivered", note_id="good")

    def read(event: Any) -> Report | None:
        return {"good": good, "other": None}[event]

    assert read_each("tests", ["good", "bad", "other"], read) == [good]
    assert reason_of("messaging.callbacks", "tests: bad") == "KeyError: 'bad'"
    with pytest.raises(Unreadable):
        read_each("tests", ["bad"], read)
    assert read_each("tests", [], read) == []


def test_use_that_cannot_be_recorded_does_not_block_others(world: World, api: Any) -> None:
    bad, good = make_key(world.company), make_key(world.company)
    usage.BUFFER.flush()
    for issued in (bad, good):
        assert api(issued.client_secret).get("/v1/whoami").status == 200
    for secret_id, (facts, at, _, agent) in usage.BUFFER._uses.items():
        if facts.key_id == bad.key.id:
            usage.BUFFER._uses[secret_id] = (facts, at, "no address", agent)

    usage.BUFFER.flush()

    with tenant_context(world.tenant()):
        used = ApiKey.objects.in_bulk([bad.key.id, good.key.id])
    assert (used[bad.key.id].last_used_at, used[good.key.id].last_used_at is None) == (None, False)
    assert str(reason_of("apikeys.usage", bad.key.public_id)).startswith("DataError")


def test_unreadable_entry_does_not_keep_others_from_being_sealed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = make_key(world.company), make_key(world.company)
    with tenant_context(world.tenant()):
        entries = {
            issued.key.id: AuditEntry.objects.get(action="api_key.created", target_id=issued.client_id)
            for issued in (bad, good)
        }
    poison(monkeypatch, sealing, "entry_content", lambda values: values[0] == entries[bad.key.id].id)

    sealing.seal_waiting()

    assert reason_of("audit.seal", entries[bad.key.id].public_id) == REASON
    assert reason_of("audit.seal", entries[good.key.id].public_id) is None
    with system_context(reason="tests"), connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM audit_unsealedentry WHERE id = ANY(%s)",
            [[entry.id for entry in entries.values()]],
        )
        assert cursor.fetchall() == [(entries[bad.key.id].id,)]


# What beat starts: where its poisoned row is planted, or why it has no rows that could be one.
BATCHES = {
    "apikeys.evaluate_reports": "here",
    "apikeys.notify_expiry": "here",
    "apikeys.remind_rotation": "here",
    "apikeys.repeat_fences": "here",
    "audit.keep_partitions": "makes tables; no rows",
    "audit.prune": "drops tables; no rows",
    "audit.prune_bodies": "DELETEs by time; reads no row",
    "audit.seal": "here",
    "audit.write_bodies": "tests/audit/test_bodies.py",
    "audit.write_requests": "here",
    "billing.complete_payments": "here",
    "billing.detect_overdue": "tests/billing/test_overdue.py",
    "core.prune_idempotency_keys": "one DELETE by time; reads no row",
    "core.prune_set_aside": "one DELETE by time; reads no row",
    "core.prune_sessions": "one DELETE by time; reads no row",
    "core.send_mail": "tests/core/test_mail.py",
    "messaging.fetch_prices": "tests/messaging/test_sms_prices.py",
    "messaging.check_domains": "tests/messaging/test_sender_domains.py",
    "messaging.fold_statistics": "sums in PostgreSQL; reads no row",
    "messaging.prune": "tests/messaging/test_retention.py",
    "messaging.evaluate_reputations": "tests/messaging/test_reputation.py",
    "messaging.send_due": "here",
    "webhooks.prune": "DELETEs by time; reads no row",
    "webhooks.send_notices": "here",
    "webhooks.sweep": "tests/webhooks/test_poisoned_deliveries.py",
}


def test_every_batch_that_beat_starts_is_accounted_for() -> None:
    unknown = {entry["task"] for entry in app.conf.beat_schedule.values()} - set(BATCHES)
    assert unknown == set(), "plant a poisoned row in it, and say here where"
