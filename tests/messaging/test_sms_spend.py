"""The daily SMS spend cap, and the notices to the owners who come near it."""

import datetime as dt
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest
from django.core import mail
from django.db import connection

from accounts.models import Company
from accounts.roles import Role
from apikeys.services import IssuedKey
from audit.models import AuditEntry
from billing.entitlements import as_numbers, limits_by_tier
from billing.services import change_tier, override_limits, set_tier_limits
from core import clock
from core.errors import FieldErrors
from core.tenancy import Tenant, system_context, tenant_context
from core.valkey import commands
from messaging.models import Message, SmsPrice, SmsSpend, SmsSpendCap
from messaging.services import notify_of_spent_days, set_spend_cap
from messaging.services.spend import SmsSpendCapExceeded
from messaging.services.spend_caps import SmsPricesUnknown
from tests.clients import ApiClient, sign_in
from tests.factories import SYSTEM, World, join, make_user
from tests.messaging.priced_sms import costs, send, spent
from tests.messaging.standins import StandIn


def cap(tenant: Any, amount: str | None) -> None:
    with tenant_context(tenant):
        set_spend_cap(amount=None if amount is None else Decimal(amount), actor=SYSTEM)


def test_sms_over_the_spend_cap_is_refused_with_the_remaining_amount(
    world: World, vendor: StandIn, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]
) -> None:
    cap(world.tenant(), "0.25")
    client = api(issue_key(world.company, scopes=["sms:send"]).client_secret)
    body = {"channel": "sms", "to": ["+4930123456", "+4930999456"], "text": "Hi"}
    assert client.post("/v1/messages", body).status == 201

    refused = client.post("/v1/messages", {**body, "to": ["+4930777456"]})

    today = clock.now().date()
    assert (refused.status, refused.code) == (429, "sms_spend_cap_exceeded")
    assert {
        name: refused.json["error"][name]
        for name in ("day", "currency", "cap", "spent", "needed", "starts_again")
    } == {
        "day": today.isoformat(),
        "currency": "USD",
        "cap": "0.25",
        "spent": "0.2",
        "needed": "0.1",
        "starts_again": f"{today + dt.timedelta(days=1)}T00:00:00Z",
    }
    assert 0 < int(refused.headers["Retry-After"]) <= 86_400 + 1
    with tenant_context(world.tenant()):
        assert (Message.objects.count(), SmsPrice.objects.count()) == (1, 2)
    assert spent(world.tenant()) == Decimal("0.20")
    # Other days and companies have their own caps, and test mode has none.
    send(world.tenant(), "+4930777456", send_at=clock.now() + dt.timedelta(days=1))
    send(world.other_tenant(), "+4930777456")
    send(world.tenant("test"), "+4930777456")


def test_concurrent_sms_use_the_spend_cap_exactly(world: World, vendor: StandIn) -> None:
    tenant = world.tenant()
    cap(tenant, "0.70")

    def attempt(number: int) -> str:
        try:
            send(tenant, f"+4930{number:02}3456")
        except SmsSpendCapExceeded:
            return "refused"
        finally:
            connection.close()
        return "admitted"

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(attempt, range(20, 60)))

    assert outcomes.count("admitted") == 7
    assert spent(tenant) == Decimal("0.70")
    with tenant_context(tenant):
        assert Message.objects.count() == SmsPrice.objects.count() == 7


def test_owners_are_notified_once_at_80_percent_and_once_at_the_cap(world: World, vendor: StandIn) -> None:
    tenant = world.tenant()
    cap(tenant, "1.00")
    mail.outbox.clear()

    for number in range(10):
        send(tenant, f"+49301234{number:02}")

    assert [(each.to, each.subject) for each in mail.outbox] == [
        ([world.owner.email], "SMS spend is close to its daily cap"),
        ([world.owner.email], "SMS spend has reached its daily cap"),
    ]
    assert "cost $0.80 so far, of a daily cap of $1.00." in mail.outbox[0].body
    assert f" on {clock.now().day} {clock.now():%b %Y} (UTC) " in mail.outbox[0].body
    with tenant_context(tenant):
        told = AuditEntry.objects.filter(action="sms_spend.reached").order_by("id")
        assert [entry.detail["percent"] for entry in told] == [80, 100]
    # With a higher cap, owners are notified again.
    cap(tenant, "1.20")
    send(tenant, "+4930123499")
    assert [each.subject for each in mail.outbox[2:]] == ["SMS spend is close to its daily cap"]


def test_owners_are_notified_immediately_when_a_lowered_cap_is_used_up(world: World, vendor: StandIn) -> None:
    tenant = world.tenant()
    with tenant_context(tenant):
        set_spend_cap(amount=Decimal(2), actor=SYSTEM)
    for number in range(10):
        send(tenant, f"+49301234{number:02}")
    mail.outbox.clear()

    with tenant_context(tenant):
        set_spend_cap(amount=Decimal("1.10"), actor=SYSTEM)
        set_spend_cap(amount=Decimal("0.50"), actor=SYSTEM)

    assert [each.subject for each in mail.outbox] == [
        "SMS spend is close to its daily cap",
        "SMS spend has reached its daily cap",
    ]
    assert ["cap of $1.10" in mail.outbox[0].body, "cap of $0.50" in mail.outbox[1].body] == [True, True]
    with tenant_context(tenant):
        told = AuditEntry.objects.filter(action="sms_spend.reached").order_by("id")
        assert [(entry.detail["percent"], entry.detail["cap"]) for entry in told] == [
            (80, "1.1"),
            (100, "0.5"),
        ]
    with pytest.raises(SmsSpendCapExceeded):
        send(tenant, "+4930123499")
    assert len(mail.outbox) == 2


def test_zero_cap_on_a_day_without_sms_notifies_nobody(world: World, vendor: StandIn) -> None:
    mail.outbox.clear()

    with tenant_context(world.tenant()):
        set_spend_cap(amount=Decimal(0), actor=SYSTEM)

    assert mail.outbox == []


def test_owners_are_notified_again_after_staff_raised_the_cap(world: World, vendor: StandIn) -> None:
    tenant = world.tenant()

    def limit(amount: int) -> None:
        with system_context(reason="tests"):
            Company.objects.filter(id=world.company.id).update(limit_overrides={"sms_spend_per_day": amount})

    limit(1)
    mail.outbox.clear()
    for number in range(10):
        send(tenant, f"+49301234{number:02}")
    limit(2)
    for number in range(10, 20):
        send(tenant, f"+49301234{number:02}")

    nearly, used_up = "SMS spend is close to its daily cap", "SMS spend has reached its daily cap"
    assert [each.subject for each in mail.outbox] == [nearly, used_up, nearly, used_up]
    assert ["cap of $1.00" in mail.outbox[1].body, "cap of $2.00" in mail.outbox[3].body] == [True, True]
    with tenant_context(tenant):
        told = AuditEntry.objects.filter(action="sms_spend.reached").order_by("id")
        assert [(entry.detail["percent"], entry.detail["cap"]) for entry in told] == [
            (80, "1"), (100, "1"), (80, "2"), (100, "2"),
        ]  # fmt: skip


def enqueued(tenant: Tenant, task: str) -> int:
    """Return the number of queued task messages with this task and tenant."""
    sent = [json.loads(one)["headers"] for one in commands.call("LRANGE", "celery", 0, -1)]
    mine = {"task": task, "pomelo_company": str(tenant.company_id), "pomelo_mode": tenant.mode}
    return sum(1 for headers in sent if mine.items() <= headers.items())


@pytest.mark.parametrize(
    "lowered", ["the limit of the company", "the company's tier", "the limit of the tier"]
)
def test_owners_are_told_when_staff_lower_what_sms_may_cost_below_what_is_spent(
    world: World, vendor: StandIn, lowered: str
) -> None:
    # given: a company of Pro, whose SMS have cost $60 today
    tenant = world.tenant()
    change_tier(company=world.company, tier="pro", reason="grew", actor=SYSTEM)
    before = as_numbers(limits_by_tier()["pro"])
    with tenant_context(tenant):
        SmsSpend.objects.create(day=clock.now().date(), currency="USD", amount=Decimal(60))
        override_limits(
            company=world.company, overrides={"sms_per_day": 900}, reason="asked for", actor=SYSTEM
        )
    mail.outbox.clear()
    assert enqueued(tenant, "messaging.notify_of_spent_days") == 0
    # when
    try:
        if lowered == "the limit of the company":
            limits = {"sms_spend_per_day": 50}
            override_limits(company=world.company, overrides=limits, reason="too dear", actor=SYSTEM)
        elif lowered == "the company's tier":
            change_tier(company=world.company, tier="starter", reason="shrank", actor=SYSTEM)
        else:
            set_tier_limits(tier="pro", limits={"sms_spend_per_day": 50}, reason="too dear", actor=SYSTEM)
        # then: the worker that is told of it tells the owners, once
        assert enqueued(tenant, "messaging.notify_of_spent_days") == 1
        for _ in range(2):
            with tenant_context(tenant):
                assert notify_of_spent_days() == 1
    finally:
        if lowered == "the limit of the tier":
            set_tier_limits(tier="pro", limits=before, reason="as before", actor=SYSTEM)
    [letter] = mail.outbox
    assert (letter.to, letter.subject) == ([world.owner.email], "SMS spend has reached its daily cap")
    assert "cost $60.00 so far, of a daily cap of $50.00." in letter.body


def test_lower_of_owner_cap_and_staff_limit_applies(world: World, vendor: StandIn) -> None:
    tenant = world.tenant()
    with pytest.raises(FieldErrors, match="Your plan allows at most"):
        cap(tenant, "50.01")
    cap(tenant, "50")
    with system_context(reason="tests"):
        Company.objects.filter(id=world.company.id).update(limit_overrides={"sms_spend_per_day": 0})
    with pytest.raises(SmsSpendCapExceeded) as refusal:
        send(tenant, "+4930123456")
    assert refusal.value.facts["cap"] == "0"


def test_spend_cap_is_unavailable_without_provider_prices(world: World, settings: Any) -> None:
    settings.MESSAGING_PROVIDERS = {"email": "file", "sms": "file"}
    tenant = world.tenant()

    with pytest.raises(SmsPricesUnknown):
        cap(tenant, "1")
    send(tenant, "+4930123456")

    assert (costs(tenant), spent(tenant)) == ({}, 0)
    page = sign_in(world.owner).get("/messages/senders/").content.decode()
    assert "does not say what they cost" in page


def test_owner_sets_the_spend_cap_and_sees_todays_spend(world: World, vendor: StandIn) -> None:
    owner, tenant = sign_in(world.owner), world.tenant()
    send(tenant, "+4930123456")

    assert "0.10 of 50.00 USD" in owner.get("/messages/").content.decode()
    for typed in ("50.01", "-1", "NaN", "1e3", "12\x00"):
        assert owner.post("/messages/senders/spend/", {"amount": typed}).status_code == 400, typed
    assert owner.post("/messages/senders/spend/", {"amount": "0.5"}).status_code == 302
    assert "0.10 of 0.50 USD" in owner.get("/messages/senders/").content.decode()
    with tenant_context(tenant):
        assert SmsSpendCap.objects.get().amount == Decimal("0.5")
        [entry] = AuditEntry.objects.filter(action="sms_spend.cap_changed")
        assert entry.changes == {"amount": [None, "0.5"]}
    colleague = make_user("admin")
    join(world.company, colleague, Role.ADMIN)
    admin = sign_in(colleague)
    assert admin.post("/messages/senders/spend/", {"amount": "9"}).status_code == 403
    assert owner.post("/messages/senders/spend/", {"amount": ""}).status_code == 302
    with tenant_context(tenant):
        assert not SmsSpendCap.objects.exists()
