"""Stripe events, signed by Stripe's SDK; forged, old, duplicate, out-of-order and irrelevant ones are harmless."""

import json
import time
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from billing import services
from billing.models import Charge
from core import clock
from core.models import OutboxEvent, SetAside
from core.tenancy import system_context, tenant_context
from tests.billing.factories import make_charge, set_aside_due_payments
from tests.billing.stripe_stand_in import Stripe, dispute_event
from tests.billing.test_stripe import CARD, ask_again, fresh, refund_of, stripe
from tests.clients import ApiClient, sign_in
from tests.factories import World, make_key

pytest.importorskip("stripe", reason="the SDK is an extra, which this environment is without")
from stripe import WebhookSignature

__all__ = ["stripe"]

LIVE_SECRET, TEST_SECRET = "whsec_live_stand_in", "whsec_test_stand_in"


@pytest.fixture(autouse=True)
def _secrets(stripe: Stripe, settings: Settings) -> None:
    settings.STRIPE_LIVE_WEBHOOK_SECRET, settings.STRIPE_TEST_WEBHOOK_SECRET = LIVE_SECRET, TEST_SECRET
    set_aside_due_payments()


def send(body: Any, *, secret: str = LIVE_SECRET, header: str | None = None, age: int = 0) -> int:
    """Post an event like Stripe; returns the status."""
    raw = body if isinstance(body, str) else json.dumps(body)
    signed = WebhookSignature.generate_signature_header(raw, secret, int(time.time()) - age)
    return (
        Client()
        .post(
            "/callbacks/stripe",
            raw.encode("utf-8", "surrogateescape"),
            content_type="application/json",
            headers={"Stripe-Signature": signed if header is None else header},
        )
        .status_code
    )


def event(kind: str, subject: Any, **fields: Any) -> dict[str, Any]:
    return {
        "id": "evt_1", "object": "event", "type": kind, "created": int(time.time()), "livemode": True,
        "data": {"object": subject}, **fields,
    }  # fmt: skip


def waiting(world: World, stripe: Stripe) -> tuple[Charge, dict[str, Any]]:
    """Return a charge whose response was lost, and Stripe's state of it; the next query is in an hour."""
    stripe.spoil("confirm")
    charge = make_charge(world.tenant(), payment_method=CARD)
    with tenant_context(charge.tenant):
        Charge.objects.filter(id=charge.id).update(due_at=clock.now() + timedelta(hours=1))
    [intent] = stripe.made(charge.gateway_key)
    return fresh(charge), intent


def is_hurried(charge: Charge) -> bool:
    return fresh(charge).due_at - clock.now() < timedelta(seconds=11)


def test_gateway_event_triggers_a_status_check_but_settles_nothing(world: World, stripe: Stripe) -> None:
    charge, intent = waiting(world, stripe)

    assert send(event("payment_intent.payment_failed", intent)) == 204  # whatever its content
    assert is_hurried(charge)
    assert charge.status == "pending"
    with tenant_context(charge.tenant):
        Charge.objects.filter(id=charge.id).update(due_at=clock.now())
    services.complete_payments()

    assert (fresh(charge).status, len(stripe.taken(charge.gateway_key))) == ("succeeded", 1)
    assert send(event("payment_intent.payment_failed", intent)) == 204
    assert send(event("payment_intent.created", intent)) == 204
    assert fresh(charge).status == "succeeded"


@pytest.mark.parametrize(
    "how",
    [
        {"secret": "whsec_of_somebody"},
        {"secret": TEST_SECRET},
        {"age": 301},
        {"header": ""},
        {"header": "t=1,v1="},
        {"header": "t=" + "9" * 5_000 + ",v1=aa"},
        {"header": "t=1,v1=\u00e9"},
    ],
    ids=["forged", "the other mode's secret", "old", "unsigned", "no signature", "no time", "not ASCII"],
)
def test_callback_without_a_fresh_stripe_signature_changes_nothing(
    world: World, stripe: Stripe, how: Any
) -> None:
    charge, intent = waiting(world, stripe)

    assert send(event("payment_intent.succeeded", intent), **how) == 403

    assert not is_hurried(charge)


def test_event_of_test_mode_touches_no_live_charge(world: World, stripe: Stripe) -> None:
    charge, intent = waiting(world, stripe)

    assert send(event("payment_intent.succeeded", intent, livemode=False), secret=TEST_SECRET) == 204

    assert not is_hurried(charge)


def test_stripe_callbacks_are_ignored_when_stripe_is_not_configured(settings: Settings) -> None:
    settings.BILLING_GATEWAY = "billing.gateways.sandbox.SandboxGateway"
    assert send(event("payment_intent.succeeded", {"id": "pi_1"})) == 403


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (event("payment_intent.succeeded", {"id": "pi_1", "metadata": {}}), 204),
        (event("payment_intent.succeeded", {"id": "pi_1", "metadata": {"pomelo_key": "pomelo-live-ch_0"}}), 204),
        (event("payment_intent.succeeded", {"id": "pi_1", "metadata": ["x"]}), 204),
        (event("product.created", {"id": "prod_1"}), 204),
        (event("payment_intent.succeeded", {"id": "pi_\x00", "metadata": {}}), 400),
        (event("payment_intent.succeeded", {"id": ["pi"], "metadata": {}}), 400),
        (event("payment_intent.succeeded", "pi_1"), 400),
        (event(["payment_intent.succeeded"], {}), 400),
        ("[]", 400),
        ("null", 400),
        ("{", 400),
        ("[" * 100_000, 400),
        ("\udcff", 403),
        ('"' + "x" * 1_048_577 + '"', 413),
    ],
    ids=range(14),
)  # fmt: skip
def test_any_stripe_callback_gets_a_response(body: Any, status: int) -> None:
    if body == "\udcff":
        response = Client().post(
            "/callbacks/stripe", b"\xff", content_type="application/json", headers={"Stripe-Signature": "t=1,v1=a"}
        )  # fmt: skip
        assert response.status_code == status
    else:
        assert send(body) == status


def test_stripe_callback_accepts_only_post() -> None:
    assert Client().get("/callbacks/stripe").status_code == 405


def disputed(world: World, stripe: Stripe) -> Charge:
    return make_charge(world.tenant(), payment_method=CARD)


def reported_disputes(charge: Charge) -> list[tuple[str, str]]:
    """Return the disputes of a charge as in the API and in events."""
    with tenant_context(charge.tenant):
        events = OutboxEvent.objects.filter(type__startswith="charge.dispute").order_by("id")
        return [(row.type, row.data["object"]["disputes"][0]["status"]) for row in events]


def test_dispute_is_recorded_on_its_charge_and_shown_to_the_company(world: World, stripe: Stripe) -> None:
    charge = disputed(world, stripe)
    reference, now = charge.gateway_reference, int(time.time())

    assert send(dispute_event(reference, created=now)) == 204

    api = ApiClient(make_key(world.company, scopes=("charges:read",)).client_secret)
    [dispute] = api.get(f"/v1/charges/{charge.public_id}").json["disputes"]
    assert {
        name: dispute[name] for name in ("amount", "currency", "reason", "status", "response_due_at")
    } == {
        "amount": 5_000,
        "currency": "EUR",
        "reason": "fraudulent",
        "status": "needs_response",
        "response_due_at": "2026-12-24T00:00:00.000000Z",
    }
    [listed] = api.get("/v1/charges").json["data"]
    assert listed["disputes"] == [dispute]
    page = sign_in(world.owner, world.company).get(f"/charges/{charge.public_id}/").content.decode()
    assert "This charge is disputed" in page

    for status in ("under_review", "won"):
        now += 1
        assert send(dispute_event(reference, status, created=now)) == 204
    assert reported_disputes(charge) == [
        ("charge.disputed", "needs_response"),
        ("charge.dispute_updated", "under_review"),
        ("charge.dispute_closed", "won"),
    ]


def test_duplicate_late_and_out_of_order_disputes_change_nothing(world: World, stripe: Stripe) -> None:
    charge = disputed(world, stripe)
    reference, now = charge.gateway_reference, int(time.time())

    assert send(dispute_event(reference, "lost", created=now)) == 204
    for status, moment in (("lost", now), ("needs_response", now), ("under_review", now - 1)):
        assert send(dispute_event(reference, status, created=moment)) == 204

    assert reported_disputes(charge) == [("charge.disputed", "lost"), ("charge.dispute_closed", "lost")]


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"payment_intent": "pi_of_somebody"}, 204),
        ({"payment_intent": None}, 204),
        ({"status": "a_new_one"}, 400),
        ({"amount": "5000"}, 400),
        ({"amount": 10**15}, 400),
        ({"currency": "xxx"}, 400),
        ({"reason": None}, 204),
        ({"reason": "\x00"}, 400),
        ({"evidence_details": {"due_by": 10**12}}, 400),
        ({"id": None}, 400),
    ],
    ids=str,
)
def test_unknown_or_malformed_dispute_changes_nothing(
    world: World, stripe: Stripe, changes: dict[str, Any], status: int
) -> None:
    charge = disputed(world, stripe)

    body = json.loads(dispute_event(charge.gateway_reference, created=int(time.time())))
    body["data"]["object"].update(changes)
    assert send(body) == status

    assert len(reported_disputes(charge)) == ("reason" in changes and status == 204)


def test_dispute_before_its_charge_is_known_is_retried(world: World, stripe: Stripe) -> None:
    stripe.spoil("confirm")
    charge = make_charge(world.tenant(), payment_method=CARD)
    [intent] = stripe.made(charge.gateway_key)
    body = dispute_event(intent["id"], created=int(time.time()) + 1)

    assert send(body) == 503
    assert reported_disputes(charge) == []
    assert ask_again(charge).status == "succeeded"
    assert send(body) == 204

    assert reported_disputes(charge) == [("charge.disputed", "needs_response")]


def test_test_mode_dispute_is_not_recorded_on_a_live_charge(world: World, stripe: Stripe) -> None:
    charge = disputed(world, stripe)
    body = json.loads(dispute_event(charge.gateway_reference, created=int(time.time())))
    assert send({**body, "livemode": False}, secret=TEST_SECRET) == 204
    assert reported_disputes(charge) == []


def test_refund_that_fails_after_it_succeeded_is_shown_to_staff(world: World, stripe: Stripe) -> None:
    refund = refund_of(make_charge(world.tenant(), payment_method=CARD))
    [given] = stripe.given_back(refund.gateway_key)

    for _ in range(2):
        assert send(event("refund.failed", {**given, "status": "failed"})) == 204

    assert fresh(refund).status == "succeeded"
    with system_context(reason="tests"):
        [aside] = SetAside.objects.filter(item=refund.public_id)
    assert aside.reason == f"stripe reports that {given['id']} failed after it had succeeded."
