"""What an SMS costs: an estimate, until the provider has reported the price."""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

import pytest

from core import clock
from core.models import SetAside
from core.tenancy import system_context, tenant_context
from messaging import retry
from messaging.models import Message, SmsPrice
from messaging.providers import load_provider
from messaging.segments import count_segments
from messaging.services import cancel_message, prices
from tests.clients import sign_in
from tests.factories import SYSTEM, World
from tests.messaging.conftest import deliver
from tests.messaging.priced_sms import Priced, ask_now, costs, send, spent
from tests.messaging.standins import StandIn
from tests.poison import REASON, poison, reason_of


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


@contextmanager
def unresponsive(vendor: StandIn, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have the provider answer later than its caller waits."""
    monkeypatch.setattr("messaging.providers.twilio.CALL_SECONDS", 0.2)
    load_provider.cache_clear()  # the SDK's client keeps the timeout it was created with
    vendor.delay_seconds = 1
    yield
    load_provider.cache_clear()


def test_unresponsive_sms_provider_delays_nobody(
    world: World, vendor: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant = world.tenant()
    send(tenant, "+4930123456")
    deliver()
    with unresponsive(vendor, monkeypatch):
        ask_now(tenant)

    assert costs(tenant) == {"+4930123456": ("held", None, "twilio_connection")}


def test_sms_abandoned_without_a_response_stays_counted(
    world: World, vendor: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant = world.tenant()
    message = send(tenant, "+4930123456")
    with tenant_context(tenant):
        Message.objects.filter(id=message.id).update(deferrals=retry.CLOCK.attempts)
    with unresponsive(vendor, monkeypatch):
        deliver()

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
