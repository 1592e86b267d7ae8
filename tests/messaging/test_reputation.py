"""Email reputation: bounce and complaint rates slow or pause a company's sending, staff lift a pause, and others are unaffected."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.core import mail

from apikeys.services import IssuedKey
from audit.models import AuditEntry
from core import clock
from core.tenancy import tenant_context
from messaging.models import Message, MessageStat, Reputation
from messaging.services import evaluate_reputations, lift_reputation, reputation
from tests.clients import ApiClient, sign_in
from tests.factories import SYSTEM, World
from tests.messaging.conftest import deliver, look
from tests.messaging.smtp import Mailhost
from tests.poison import REASON, poison, reason_of

EMAIL = {"channel": "email", "to": ["ada@example.com"], "subject": "Hello", "text": "Hi"}


@pytest.fixture
def sender(world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]) -> ApiClient:
    return api(issue_key(world.company, scopes=["messaging:send"], rate_limit=600).client_secret)


def happened(
    tenant: Any, *, sent: int = 0, bounced: int = 0, complained: int = 0, ago: Any = dt.timedelta(hours=2)
) -> None:
    """Count outcomes of email, as the sending engine does."""
    hour = (clock.now() - ago).replace(minute=0, second=0, microsecond=0)
    with tenant_context(tenant):
        for status, recipients in (("sent", sent), ("bounced", bounced), ("complained", complained)):
            MessageStat.objects.create(hour=hour, channel="email", status=status, recipients=recipients)


def state(tenant: Any) -> Any:
    evaluate_reputations()
    with tenant_context(tenant):
        row = Reputation.objects.first()
        return row.state if row else None


@pytest.mark.parametrize(
    ("counts", "found"),
    [
        ({"sent": 950, "bounced": 49}, "good"),
        ({"sent": 950, "bounced": 50}, "slowed"),
        ({"sent": 901, "bounced": 99}, "slowed"),
        ({"sent": 900, "bounced": 100}, "paused"),
        ({"sent": 5001, "complained": 5}, "good"),
        ({"sent": 5000, "complained": 5}, "slowed"),
        ({"sent": 1000, "complained": 5}, "paused"),
        ({"sent": 1000, "complained": 4}, "good"),
        ({"sent": 100, "bounced": 99}, "good"),
        ({"sent": 900, "bounced": 100, "ago": dt.timedelta(days=7, hours=1)}, None),
    ],
)
def test_rates_are_evaluated_at_their_thresholds(
    world: World, counts: dict[str, Any], found: str | None
) -> None:
    happened(world.tenant(), **counts)

    assert state(world.tenant()) == found


def test_test_mode_and_other_companies_are_not_limited(
    world: World, sender: ApiClient, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]
) -> None:
    happened(world.tenant("test"), sent=900, bounced=100)
    happened(world.other_tenant(), sent=900, bounced=100)

    assert state(world.tenant()) is None
    assert state(world.other_tenant()) == "paused"
    assert sender.post("/v1/messages", EMAIL).status == 201
    other_test = api(issue_key(world.other_company, scopes=["messaging:send"], mode="test").client_secret)
    assert other_test.post("/v1/messages", EMAIL).status == 201


def test_slowed_company_is_limited_per_hour_and_recovers_automatically(
    world: World, sender: ApiClient
) -> None:
    happened(world.tenant(), sent=950, bounced=50)
    mail.outbox.clear()
    assert state(world.tenant()) == "slowed"
    assert [one.subject for one in mail.outbox if world.owner.email in one.to] == ["Email sending is slowed"]

    first, refused = (
        sender.post("/v1/messages", {**EMAIL, "to": [f"p{n}@example.com" for n in range(count)]})
        for count in (10, 1)
    )

    assert (first.status, refused.status, refused.code) == (201, 429, "sending_slowed")
    assert 0 < int(refused.headers["Retry-After"]) <= 3601
    problem = refused.json["error"]
    assert (problem["bounce_rate"], problem["limit"], problem["remaining"]) == (0.05, 10, 0)
    happened(world.tenant(), sent=1000)
    assert state(world.tenant()) == "good"
    assert sender.post("/v1/messages", EMAIL).status == 201


def test_pause_refuses_new_messages_and_holds_queued_ones_until_lifted(
    world: World, sender: ApiClient, queue: Callable[..., Message], mailhost: Mailhost
) -> None:
    waiting = queue(world.tenant(), "ada@example.com")
    happened(world.tenant(), sent=900, bounced=100)
    assert state(world.tenant()) == "paused"
    deliver()

    refused = sender.post("/v1/messages", EMAIL)
    assert (refused.status, refused.code) == (403, "sending_paused")
    assert mailhost.received == []
    assert look(waiting)[0].status == "queued"
    happened(world.tenant(), sent=100_000)
    assert state(world.tenant()) == "paused"  # only by people

    owner = sign_in(world.owner, company=world.company)
    assert b"Email sending is paused" in owner.get("/messages/").content
    appealed = owner.post("/messages/senders/appeal/", {"appeal_reason": "We left the bought list out."})
    assert appealed.status_code == 302
    assert b"We left the bought list out." in owner.get("/messages/senders/").content
    with tenant_context(world.tenant()):
        lift_reputation(reputation=Reputation.objects.get(), reason="list removed", actor=SYSTEM)
        actions = list(
            AuditEntry.objects.filter(action__startswith="reputation.").values_list("action", flat=True)
        )
    deliver()

    assert sorted(actions) == ["reputation.appealed", "reputation.lifted", "reputation.paused"]
    assert [received.message["Subject"] for received in mailhost.received] == ["Hello"]
    assert sender.post("/v1/messages", EMAIL).status == 201
    assert state(world.tenant()) == "good"  # earlier events are not counted again


def test_claimed_messages_are_held_in_a_pause_and_owners_notified_once_a_day(
    world: World, queue: Callable[..., Message], mailhost: Mailhost
) -> None:
    tried, accepted = (queue(world.tenant(), f"{name}@example.com") for name in ("greylisted", "ada"))
    sms = queue(world.tenant(), "+4915112345678", channel="sms", subject="")
    happened(world.tenant(), sent=950, bounced=50)
    mail.outbox.clear()
    assert state(world.tenant()) == "slowed"
    happened(world.tenant(), sent=100_000)
    assert state(world.tenant()) == "good"
    happened(world.tenant(), bounced=5_600)
    assert state(world.tenant()) == "slowed"
    assert len([one for one in mail.outbox if world.owner.email in one.to]) == 1
    happened(world.tenant(), bounced=20_000)
    assert state(world.tenant()) == "paused"
    with tenant_context(world.tenant()):  # as if two workers had claimed them when the pause began
        Message.objects.filter(channel="email").update(due_at=clock.now())
        Message.objects.filter(id=accepted.id).update(due_at=clock.now() + dt.timedelta(hours=1))
    deliver()

    assert (look(tried)[0].deferrals, look(tried)[0].is_held) == (1, True)
    assert not look(accepted)[0].is_held
    assert state(world.tenant()) == "paused"
    assert look(accepted)[0].is_held
    assert look(sms)[0].status == "sent"


def test_failure_to_evaluate_one_company_does_not_block_others(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    happened(world.tenant(), sent=900, bounced=100)
    happened(world.other_tenant(), sent=900, bounced=100)
    poison(monkeypatch, reputation, "state_of", lambda row: row.company_id == world.company.id)

    assert state(world.other_tenant()) == "paused"
    assert reason_of(reputation.BATCH_NAME, str(world.company.id)) == REASON
