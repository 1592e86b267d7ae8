"""Charges and refunds through Stripe: executed once whatever responses are lost, refused with a reason, and unaffected by
configuration errors.

Against `tests.billing.stripe_stand_in`, a local server in the place of a paid outside service.
"""

from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from pytest_django import Settings

from billing import gateways, services
from billing.gateways.stripe_amounts import amount_problem, from_stripe, to_stripe
from billing.models import Charge, Refund
from billing.retry import CLOCK
from billing.services.errors import NoGateway
from core import clock
from core.errors import FieldErrors
from core.models import SetAside
from core.tenancy import system_context, tenant_context
from tests.billing.factories import make_charge
from tests.billing.killed_workers import kill_worker
from tests.billing.stripe_stand_in import LIVE_KEY, TEST_KEY, Stripe, stripe_stand_in
from tests.factories import SYSTEM, World

pytest.importorskip("stripe", reason="the SDK is an extra, which this environment is without")
from billing.gateways.stripe_calls import API_VERSION

CARD = "pm_card_visa"
ROUNDS = 3


@pytest.fixture
def stripe(settings: Settings) -> Iterator[Stripe]:
    gateways._load.cache_clear()
    with stripe_stand_in() as server:
        settings.BILLING_GATEWAY = "billing.gateways.stripe.StripeGateway"
        settings.STRIPE_LIVE_SECRET_KEY, settings.STRIPE_TEST_SECRET_KEY = LIVE_KEY, TEST_KEY
        settings.STRIPE_API_URL = server.url
        settings.GATEWAY_TIMEOUT_SECONDS = 5.0
        yield server
    gateways._load.cache_clear()


def charge_by(world: World, payment_method: str = CARD, **fields: Any) -> Charge:
    return make_charge(world.tenant(), payment_method=payment_method, **fields)


def refund_of(charge: Charge, amount: int = 1_000) -> Refund:
    with tenant_context(charge.tenant):
        refund = services.create_refund(charge=charge, amount=amount, actor=SYSTEM)
    services.complete_payments()
    return fresh(refund)


def fresh(payment: Any) -> Any:
    with tenant_context(payment.tenant):
        payment.refresh_from_db()
    return payment


def ask_again(payment: Any, **changes: Any) -> Any:
    """Advance the time to the next attempt, and make it."""
    due = {"due_at": clock.now() - timedelta(seconds=1), **changes}
    with tenant_context(payment.tenant):
        type(payment).objects.filter(id=payment.id, status="pending").update(**due)
    services.complete_payments(max_batches=1)
    return fresh(payment)


def test_card_is_charged_once_with_our_key_and_the_pinned_version(world: World, stripe: Stripe) -> None:
    charge = charge_by(world)

    [taken] = stripe.taken(charge.gateway_key)
    assert (charge.status, charge.gateway, charge.gateway_reference) == ("succeeded", "stripe", taken["id"])
    assert (taken["amount"], taken["currency"], taken["livemode"]) == (5_000, "eur", charge.mode == "live")
    [(_, _, made, made_headers), (_, _, _, confirmed_headers)] = stripe.calls
    assert made["allowed_payment_method_types[0]"] == "card"
    assert made_headers["stripe-version"] == API_VERSION
    assert made_headers["idempotency-key"] == charge.gateway_key
    assert confirmed_headers["idempotency-key"] == f"{charge.gateway_key}-confirm"


@pytest.mark.parametrize(
    ("payment_method", "code", "message"),
    [
        ("pm_card_chargeDeclined", "card_declined", "Your card was declined."),
        (
            "pm_card_chargeDeclinedInsufficientFunds",
            "insufficient_funds",
            "Your card has insufficient funds.",
        ),
        (
            "pm_card_authenticationRequired",
            "authentication_required",
            "This transaction requires authentication.",
        ),
        ("pm_missing", "resource_missing", "No such PaymentMethod: 'pm_missing'"),
    ],
)
def test_declined_card_shows_the_reason(
    world: World, stripe: Stripe, payment_method: str, code: str, message: str
) -> None:
    charge = charge_by(world, payment_method)

    assert (charge.status, charge.failure_code, charge.failure_message) == ("failed", code, message)
    assert stripe.taken(charge.gateway_key) == []


def test_invalid_stripe_payment_methods_are_refused_immediately(world: World, stripe: Stripe) -> None:
    with pytest.raises(FieldErrors) as refused:
        charge_by(world, "card_success")
    assert [problem.field for problem in refused.value.fields] == ["payment_method"]
    with tenant_context(world.tenant()):
        assert not Charge.objects.exists()
    assert stripe.calls == []


@pytest.mark.parametrize("lost", ["payment_intents", "confirm"])
def test_lost_response_is_recovered_at_the_next_attempt(world: World, stripe: Stripe, lost: str) -> None:
    for payment_method, status in ((CARD, "succeeded"), ("pm_card_chargeDeclined", "failed")):
        stripe.spoil(lost)
        charge = charge_by(world, payment_method)
        assert (charge.status, charge.attempts) == ("pending", 1)

        ask_again(charge)

        assert charge.status == status
        assert len(stripe.made(charge.gateway_key)) == 1
        assert len(stripe.taken(charge.gateway_key)) == (status == "succeeded")


@pytest.mark.chaos
def test_worker_killed_after_the_money_was_taken_charges_once(
    world: World, stripe: Stripe, settings: Settings
) -> None:
    names = ("BILLING_GATEWAY", "STRIPE_LIVE_SECRET_KEY", "STRIPE_API_URL")
    chosen = {name: getattr(settings, name) for name in names}
    stripe.silent_seconds = 5.0  # so that the worker is killed while it waits
    for _ in range(ROUNDS):
        charge = charge_by(world, settle=False)
        stripe.spoil("confirm")
        kill_worker(complete_as, chosen, once=partial(stripe.taken, charge.gateway_key))
        assert (fresh(charge).status, charge.attempts) == ("pending", 1)

        ask_again(charge)

        [taken] = stripe.taken(charge.gateway_key)
        assert (charge.status, charge.gateway_reference) == ("succeeded", taken["id"])
        assert len(stripe.made(charge.gateway_key)) == 1


def complete_as(_connection: Any, chosen: dict[str, Any]) -> None:
    """Complete what is due in a separate worker that uses the stand-in."""
    from django.conf import settings

    for name, value in chosen.items():
        setattr(settings, name, value)
    services.complete_payments(max_batches=1)


def test_order_older_than_stripes_idempotency_keys_is_searched_for(
    world: World, stripe: Stripe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("billing.gateways.stripe.KEY_KEPT_FOR", timedelta(0))
    stripe.spoil("confirm")
    charge = charge_by(world)
    assert (charge.status, len(stripe.taken(charge.gateway_key))) == ("pending", 1)
    stripe.forget_keys()

    ask_again(charge)

    [taken] = stripe.made(charge.gateway_key)
    assert (charge.status, charge.gateway_reference) == ("succeeded", taken["id"])

    stripe.spoil("refunds", times=2)  # the list, and the refund
    refund = refund_of(charge)
    ask_again(refund)
    stripe.forget_keys()

    ask_again(refund)

    [given] = stripe.given_back(refund.gateway_key)
    assert (refund.status, refund.gateway_reference) == ("succeeded", given["id"])


def test_payment_never_created_is_canceled_permanently(world: World, stripe: Stripe) -> None:
    charge = charge_by(world, settle=False)
    stripe.spoil("confirm", (500, b'{"error": {"type": "api_error", "message": "broken"}}'))
    stripe.spoil("payment_intents", times=CLOCK.attempts - 2)
    services.complete_payments()
    [intent] = stripe.made(charge.gateway_key)
    intent["status"] = "requires_action"  # as after a 3-D Secure challenge without the payer

    ask_again(charge, attempts=CLOCK.attempts - 1)
    ask_again(charge, attempts=CLOCK.attempts - 1)
    while charge.status == "pending":
        ask_again(charge)

    assert (charge.status, charge.failure_code) == ("failed", "gateway_timeout")
    assert (intent["status"], charge.gateway_reference) == ("canceled", intent["id"])


@pytest.mark.parametrize(
    "answer",
    [
        (502, b"<html><h1>Bad gateway</h1></html>"),
        (200, b"<html>Welcome</html>"),
        (200, b"[" * 100_000),
        (200, b'{"object": "payment_intent", "id": "pi_\\u0000", "status": "succeeded"}'),
        (200, b'{"object": "payment_intent", "id": "pi_other", "status": "succeeded", "metadata": null}'),
        (200, b'"' + b"x" * 1_000_000 + b'"'),
        (200, b"null"),
        (402, b'{"error": "\\u0000"}'),
        (402, b'{"error": ["\\u0000"]}'),
        (302, b""),
        (429, b'{"error": {"type": "invalid_request_error", "code": "rate_limit"}}'),
        (409, b'{"error": {"type": "invalid_request_error", "code": "idempotency_key_in_use"}}'),
        (503, b"\xff\xfe\x00"),
    ],
    ids=lambda answer: f"{answer[0]}-{answer[1][:12]!r}",
)
def test_inconclusive_gateway_response_leaves_the_charge_pending(
    world: World, stripe: Stripe, answer: tuple[int, bytes]
) -> None:
    stripe.spoil("confirm", answer)
    charge = charge_by(world)
    assert (charge.status, charge.failure_code) == ("pending", "")

    ask_again(charge)

    assert (charge.status, len(stripe.taken(charge.gateway_key))) == ("succeeded", 1)


def test_unknown_status_is_not_an_outcome(world: World, stripe: Stripe) -> None:
    charge = charge_by(world, settle=False)
    stripe.spoil("confirm")
    services.complete_payments()
    [intent] = stripe.made(charge.gateway_key)
    intent["status"] = "requires_a_miracle"

    assert (ask_again(charge).status, charge.failure_code) == ("pending", "")

    intent["status"] = "succeeded"
    assert ask_again(charge).status == "succeeded"


def test_decline_message_is_sanitized_and_truncated(world: World, stripe: Stripe) -> None:
    text = "\\u0000Declined\\n" + "x" * 5_000
    body = f'{{"error": {{"type": "card_error", "code": "A B", "message": "{text}"}}}}'
    stripe.spoil("confirm", (402, body.encode()))

    charge = charge_by(world, "pm_card_chargeDeclined")

    assert (charge.status, charge.failure_code) == ("failed", "invalid_request")
    assert charge.failure_message.startswith("Declined xxx")
    assert len(charge.failure_message) <= 300


def test_wrong_gateway_key_alerts_staff_without_failing_charges(
    world: World, stripe: Stripe, settings: Settings
) -> None:
    settings.STRIPE_LIVE_SECRET_KEY = "sk_live_withdrawn"
    charge = charge_by(world)
    assert (charge.mode, charge.status, charge.failure_code) == ("live", "pending", "")
    assert timedelta(0) < charge.due_at - clock.now() <= CLOCK.waits[0]
    assert "AuthenticationError 401" in reason_set_aside(charge)
    assert "sk_live" not in reason_set_aside(charge)

    settings.STRIPE_LIVE_SECRET_KEY = LIVE_KEY

    assert ask_again(charge).status == "succeeded"
    assert reason_set_aside(charge) == ""


def test_stripe_key_of_the_other_mode_is_never_used(world: World, stripe: Stripe, settings: Settings) -> None:
    settings.STRIPE_LIVE_SECRET_KEY = TEST_KEY
    charge = charge_by(world)

    assert (charge.mode, charge.status, stripe.calls) == ("live", "pending", [])
    assert "no secret key for live mode" in reason_set_aside(charge)


def reason_set_aside(payment: Any) -> str:
    with system_context(reason="tests"):
        found = SetAside.objects.filter(item=payment.public_id).first()
    return found.reason if found else ""


def test_mode_without_a_key_takes_no_charges(world: World, stripe: Stripe, settings: Settings) -> None:
    settings.STRIPE_LIVE_SECRET_KEY = ""
    with pytest.raises(NoGateway, match="live mode"):
        charge_by(world)
    assert make_charge(world.tenant("test"), payment_method=CARD).status == "succeeded"


def test_refund_is_created_once_and_its_response_recovered(world: World, stripe: Stripe) -> None:
    charge = charge_by(world)
    stripe.spoil("refunds")
    refund = refund_of(charge)
    assert refund.status == "pending"

    ask_again(refund)

    [given] = stripe.given_back(refund.gateway_key)
    assert (refund.status, refund.gateway_reference, given["amount"]) == ("succeeded", given["id"], 1_000)


def test_refund_waits_for_the_bank_and_may_fail(world: World, stripe: Stripe) -> None:
    charge = charge_by(world)
    stripe.refund_status = "pending"
    refund = refund_of(charge)
    ask_again(refund, attempts=CLOCK.attempts)  # a refund is never abandoned
    assert refund.status == "pending"
    [given] = stripe.given_back(refund.gateway_key)
    given.update(status="failed", failure_reason="expired_or_canceled_card")

    ask_again(refund)

    assert (refund.status, refund.failure_code) == ("failed", "expired_or_canceled_card")
    assert fresh(charge).amount_refundable == 5_000


def test_refund_refused_by_stripe_shows_the_reason(world: World, stripe: Stripe) -> None:
    charge = charge_by(world)
    [taken] = stripe.taken(charge.gateway_key)
    taken["amount"] = 500  # refunded in Stripe's dashboard in the meantime

    refund = refund_of(charge)

    assert (refund.status, refund.failure_code) == ("failed", "charge_already_refunded")


@pytest.mark.parametrize(
    ("currency", "amount", "theirs"),
    [
        ("EUR", 1_234, 1_234),
        ("HUF", 1_234, 1_234),
        ("TWD", 1_234, 1_234),
        ("JPY", 500, 500),
        ("ISK", 5, 500),
        ("UGX", 5, 500),
        ("MGA", 500, 5),
        ("KWD", 5_120, 5_120),
    ],
)
def test_amounts_are_sent_in_stripes_units(currency: str, amount: int, theirs: int) -> None:
    assert amount_problem(amount, currency) == ""
    assert to_stripe(amount, currency) == theirs
    assert from_stripe(theirs, currency) == amount


@pytest.mark.parametrize(
    ("currency", "amount", "problem"),
    [
        ("KWD", 5_124, "Stripe takes amounts in KWD in steps of 0.010\u00a0KWD."),
        ("MGA", 550, "Stripe takes whole amounts only in MGA."),
        ("IQD", 1_000, "Stripe takes no amounts in IQD."),
    ],
)
def test_unsupported_stripe_amounts_are_refused_immediately(
    world: World, stripe: Stripe, currency: str, amount: int, problem: str
) -> None:
    with pytest.raises(FieldErrors) as refused:
        charge_by(world, amount=amount, currency=currency)
    assert [(each.field, each.code, each.message) for each in refused.value.fields] == [
        ("amount", "unsupported", problem)
    ]
    assert stripe.calls == []


def test_unsupported_stripe_refund_is_refused_immediately(world: World, stripe: Stripe) -> None:
    charge = charge_by(world, amount=5_120, currency="KWD")
    with pytest.raises(FieldErrors):
        refund_of(charge, amount=5)
    assert fresh(charge).amount_refund_pending == 0
    assert refund_of(charge, amount=10).status == "succeeded"
