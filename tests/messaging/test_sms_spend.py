"""The daily SMS spend cap: estimated before queuing, and corrected by the price that the provider reports later."""

import datetime as dt
import json
import re
from collections.abc import Callable, Iterator
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
from core.models import SetAside
from core.tenancy import Tenant, system_context, tenant_context
from core.valkey import commands
from messaging import retry
from messaging.models import Message, SmsPrice, SmsSpend, SmsSpendCap
from messaging.providers import load_provider
from messaging.segments import count_segments
from messaging.services import (
    cancel_message,
    create_message,
    fetch_due_prices,
    notify_of_spent_days,
    prices,
    set_spend_cap,
)
from messaging.services.spend import SmsSpendCapExceeded
from messaging.services.spend_caps import SmsPricesUnknown
from tests.clients import ApiClient, sign_in
from tests.factories import SYSTEM, World, join, make_user
from tests.messaging.conftest import deliver
from tests.messaging.standins import StandIn, stand_in, twilio_api
from tests.poison import REASON, poison, reason_of

# The vendor's data of a Message, by the number it was sent to: (price, price_unit), or a complete response.
Priced = dict[str, Any]


@pytest.fixture
def priced() -> Priced:
    return {}


@pytest.fixture
def vendor(settings: Any, priced: Priced) -> Iterator[StandIn]:
    """Twilio's server: accepts SMS, and reports the price in `priced` for its number; before that, null like the real one."""
    sids: dict[str, str] = {}

    def answer(path: str, fields: dict[str, Any]) -> Any:
        if path.endswith("/Messages.json"):
            status, sent = twilio_api(path, fields)
            if isinstance(sent, dict) and "sid" in sent:
                sent["sid"] = f"SM{len(sids):032x}"
                sids[sent["sid"]] = fields["To"]
            return status, sent
        sid = re.search(r"/Messages/(SM[0-9a-f]{32})\.json", path)[1]  # type: ignore[index]
        found = priced.get(sids[sid], (None, "USD"))
        if isinstance(found, bytes):
            return 200, found
        if isinstance(found, int):
            return found, {"code": 20000 + found, "message": "not now", "status": found}
        return 200, {"sid": sid, "price": found[0], "price_unit": found[1], "num_segments": "1"}

    with stand_in(answer) as server:
        settings.MESSAGING_PROVIDERS = {"email": "file", "sms": "twilio"}
        settings.TWILIO_ACCOUNT_SID, settings.TWILIO_AUTH_TOKEN = "AC" + "0" * 32, "stand-in-token"
        settings.TWILIO_API_URL = server.url
        settings.SMS_PRICE_ESTIMATE = Decimal("0.10")
        yield server


def send(tenant: Any, *numbers: str, text: str = "Hi", **fields: Any) -> Message:
    with tenant_context(tenant):
        return create_message(actor=SYSTEM, channel="sms", to=numbers, text=text, **fields).message


def cap(tenant: Any, amount: str | None) -> None:
    with tenant_context(tenant):
        set_spend_cap(amount=None if amount is None else Decimal(amount), actor=SYSTEM)


def spent(tenant: Any) -> Decimal:
    with tenant_context(tenant):
        return sum(SmsSpend.objects.values_list("amount", flat=True), Decimal(0))


def costs(tenant: Any) -> dict[str, tuple[str, Decimal | None, str]]:
    with tenant_context(tenant):
        rows = SmsPrice.objects.select_related("recipient")
        return {row.recipient.address: (row.state, row.price, row.problem) for row in rows}


def ask_now(tenant: Any) -> int:
    """Advance to the next price query of a tenant's SMS, and run it; those of other tests wait."""
    now = clock.now()
    with system_context(reason="tests"):
        waiting = SmsPrice.objects.filter(ask_at__isnull=False)
        waiting.exclude(company_id=tenant.company_id).update(ask_at=now + dt.timedelta(days=9))
        waiting.filter(company_id=tenant.company_id).update(ask_at=now)
    return fetch_due_prices()


def test_sms_counts_as_an_estimate_until_its_price_is_known(
    world: World, vendor: StandIn, priced: Priced
) -> None:
    # given two SMS: one segment each, no price of the like known
    tenant = world.tenant()
    send(tenant, "+4930123456", "+4930999456")
    assert spent(tenant) == Decimal("0.20")
    deliver()

    # when the vendor knows the price of one of them (what is charged has a minus sign)
    priced["+4930123456"] = ("-0.07500", "USD")
    ask_now(tenant)

    # then that counts instead of the estimate, and the other one stays held
    assert spent(tenant) == Decimal("0.175")
    assert costs(tenant) == {
        "+4930123456": ("known", Decimal("0.075"), ""),
        "+4930999456": ("held", None, "not_reported"),
    }
    # and the like costs what it has cost; two segments, and another country, do not
    send(tenant, "+4930555456")
    assert spent(tenant) == Decimal("0.25")
    send(tenant, "+4930555456", text="x" * 161)
    assert spent(tenant) == Decimal("0.45")


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


def test_canceled_or_refused_sms_cost_nothing(world: World, vendor: StandIn) -> None:
    tenant = world.tenant()
    tomorrow = clock.now() + dt.timedelta(days=1)
    later = send(tenant, "+4930123456", send_at=tomorrow)
    send(tenant, "+4930111111")
    assert spent(tenant) == Decimal("0.20")

    with tenant_context(tenant):
        cancel_message(message=later, actor=SYSTEM)
    deliver()
    ask_now(tenant)

    assert spent(tenant) == 0
    assert costs(tenant) == {"+4930111111": ("known", Decimal(0), "")}
    # a free SMS is not a price for similar ones
    send(tenant, "+4930222456")
    assert spent(tenant) == Decimal("0.10")


HOSTILE = {
    "+4930200001": ("NaN", "USD"),
    "+4930200002": ("1e999999", "USD"),
    "+4930200003": ("9" * 1_000_000, "USD"),
    "+4930200004": ("0.05\x00", "USD"),
    "+4930200005": (["0.05"], "USD"),
    "+4930200006": ("0.05", "US\x00"),
    "+4930200007": b"<html>no JSON</html>",
    "+4930200008": b"[" * 100_000,
    "+4930200009": b'"a text"',
}


def test_hostile_response_is_recorded_on_its_own_row_only(
    world: World, vendor: StandIn, priced: Priced
) -> None:
    # given answers that are no prices, between two that are
    tenant = world.tenant()
    numbers = ["+4930123456", *HOSTILE, "+4930300001", "+4930300002", "+4930999456"]
    send(tenant, *numbers)
    deliver()
    priced.update(HOSTILE)
    priced |= {"+4930300001": ("-0.01", "EUR"), "+4930300002": 503}
    priced |= {"+4930123456": ("-0.02", "USD"), "+4930999456": ("-0.03", "usd")}

    ask_now(tenant)

    found = costs(tenant)
    assert found["+4930123456"] == ("known", Decimal("0.02"), "")
    assert found["+4930999456"] == ("known", Decimal("0.03"), "")
    assert found["+4930300001"] == ("held", None, "other_currency")
    assert found["+4930300002"] == ("held", None, "twilio_20503")
    assert {found[number][:2] for number in HOSTILE} == {("held", None)}
    assert {found[number][2] for number in HOSTILE} <= {"unreadable", "provider_error"}
    assert spent(tenant) == Decimal("0.05") + (len(numbers) - 2) * Decimal("0.10")
    with system_context(reason="tests"):
        assert not SetAside.objects.filter(batch=prices.BATCH_NAME).exists()


def test_price_that_cannot_be_saved_is_set_aside_and_others_continue(
    world: World, vendor: StandIn, priced: Priced, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant = world.tenant()
    message = send(tenant, "+4930123456", "+4930999456")
    deliver()
    priced.update({"+4930123456": ("-0.02", "USD"), "+4930999456": ("-0.03", "USD")})
    poison(monkeypatch, prices, "_count", lambda row, by: row.recipient.address == "+4930123456")

    ask_now(tenant)

    found = costs(tenant)
    assert (found["+4930123456"][0], found["+4930999456"][0]) == ("held", "known")
    assert spent(tenant) == Decimal("0.13")
    with tenant_context(tenant):
        bad = message.recipients.get(address="+4930123456")
    assert reason_of(prices.BATCH_NAME, bad.public_id) == REASON


def test_price_never_reported_becomes_unknown_and_polling_stops(world: World, vendor: StandIn) -> None:
    tenant = world.tenant()
    send(tenant, "+4930123456")
    deliver()

    for _ in range(retry.PRICE_CLOCK.attempts):
        assert costs(tenant)["+4930123456"][0] == "held"
        assert ask_now(tenant) == 1

    assert costs(tenant) == {"+4930123456": ("unknown", None, "not_reported")}
    assert spent(tenant) == Decimal("0.10")
    assert ask_now(tenant) == 0
    assert sum((wait for wait in retry.PRICE_CLOCK.waits), dt.timedelta()) < dt.timedelta(days=3)


def test_unresponsive_sms_provider_delays_nobody(
    world: World, vendor: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant = world.tenant()
    send(tenant, "+4930123456")
    deliver()
    monkeypatch.setattr("messaging.providers.twilio.CALL_SECONDS", 0.2)
    load_provider.cache_clear()  # the SDK's client keeps the timeout it was created with
    vendor.delay_seconds = 1
    ask_now(tenant)

    assert costs(tenant) == {"+4930123456": ("held", None, "twilio_connection")}
    load_provider.cache_clear()


def test_sms_abandoned_without_a_response_stays_counted(
    world: World, vendor: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant = world.tenant()
    message = send(tenant, "+4930123456")
    with tenant_context(tenant):
        Message.objects.filter(id=message.id).update(deferrals=retry.CLOCK.attempts)
    monkeypatch.setattr("messaging.providers.twilio.CALL_SECONDS", 0.2)
    load_provider.cache_clear()  # the SDK's client keeps the timeout it was created with
    vendor.delay_seconds = 1
    deliver()
    load_provider.cache_clear()

    ask_now(tenant)

    with tenant_context(tenant):
        assert message.recipients.get().error_code == "retries_exhausted"
    assert costs(tenant) == {"+4930123456": ("unknown", None, "no_provider_id")}
    assert spent(tenant) == Decimal("0.10")


def test_the_price_of_an_unsent_sms_is_not_requested(world: World, vendor: StandIn) -> None:
    tenant = world.tenant()
    send(tenant, "+4930123456")

    ask_now(tenant)

    assert costs(tenant) == {"+4930123456": ("held", None, "not_sent")}
    assert vendor.requests == []
    with tenant_context(tenant):
        assert SmsPrice.objects.get().attempts == 0


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


def test_message_page_shows_the_cost_of_each_recipient(world: World, vendor: StandIn, priced: Priced) -> None:
    tenant = world.tenant()
    message = send(tenant, "+4930123456", "+4930777456", "+4930999456")
    deliver()
    priced |= {"+4930123456": ("-0.0075", "USD"), "+4930777456": ("-10", "USD")}
    ask_now(tenant)

    page = sign_in(world.owner).get(f"/messages/{message.public_id}/").content.decode()

    assert "Cost 0.0075 USD, 1 segment." in page
    assert "Cost 10 USD, 1 segment." in page
    assert "Counted as 0.1 USD: the provider has not said what it cost, 1 segment." in page


@pytest.mark.parametrize(
    ("text", "segments"),
    [
        ("", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("a" * 152 + "€" + "a" * 152, 3),
        ("я" * 70, 1),
        ("я" * 71, 2),
        ("🙂" * 35, 1),
        ("🙂" * 67, 3),
    ],
)
def test_sms_segments_are_counted_as_billed(text: str, segments: int) -> None:
    assert count_segments(text) == segments
