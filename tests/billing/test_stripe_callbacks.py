"""Events of Stripe: signed by Stripe's own SDK, and harmless forged, old, twice, out of order or about something else."""

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
from core.models import SetAside
from core.tenancy import system_context, tenant_context
from tests.billing.factories import make_charge
from tests.billing.stripe_stand_in import Stripe
from tests.billing.test_stripe import CARD, fresh, refund_of, stripe
from tests.factories import World

pytest.importorskip("stripe", reason="the SDK is an extra, which this environment is without")
from stripe import WebhookSignature

__all__ = ["stripe"]

LIVE_SECRET, TEST_SECRET = "whsec_live_stand_in", "whsec_test_stand_in"


@pytest.fixture(autouse=True)
def _secrets(stripe: Stripe, settings: Settings) -> None:
    settings.STRIPE_LIVE_WEBHOOK_SECRET, settings.STRIPE_TEST_WEBHOOK_SECRET = LIVE_SECRET, TEST_SECRET


def send(body: Any, *, secret: str = LIVE_SECRET, header: str | None = None, age: int = 0) -> int:
    """Post an event as Stripe does; returns the status."""
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
    """Return a charge whose answer got lost, and what Stripe says of it; it is to be asked about in an hour."""
    stripe.spoil("confirm")
    charge = make_charge(world.tenant(), payment_method=CARD)
    with tenant_context(charge.tenant):
        Charge.objects.filter(id=charge.id).update(due_at=clock.now() + timedelta(hours=1))
    [intent] = stripe.made(charge.gateway_key)
    return fresh(charge), intent


def is_hurried(charge: Charge) -> bool:
    return fresh(charge).due_at - clock.now() < timedelta(seconds=11)


def test_an_event_lets_the_answer_be_asked_for_soon_and_is_no_answer(world: World, stripe: Stripe) -> None:
    charge, intent = waiting(world, stripe)

    assert send(event("payment_intent.payment_failed", intent)) == 204  # whatever it says
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
def test_what_stripe_did_not_just_sign_changes_nothing(world: World, stripe: Stripe, how: Any) -> None:
    charge, intent = waiting(world, stripe)

    assert send(event("payment_intent.succeeded", intent), **how) == 403

    assert not is_hurried(charge)


def test_an_event_of_test_mode_touches_no_live_charge(world: World, stripe: Stripe) -> None:
    charge, intent = waiting(world, stripe)

    assert send(event("payment_intent.succeeded", intent, livemode=False), secret=TEST_SECRET) == 204

    assert not is_hurried(charge)


def test_without_stripe_in_the_settings_nothing_is_believed(settings: Settings) -> None:
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
def test_whatever_is_said_gets_an_answer(body: Any, status: int) -> None:
    if body == "\udcff":
        response = Client().post(
            "/callbacks/stripe", b"\xff", content_type="application/json", headers={"Stripe-Signature": "t=1,v1=a"}
        )  # fmt: skip
        assert response.status_code == status
    else:
        assert send(body) == status


def test_only_post_is_answered() -> None:
    assert Client().get("/callbacks/stripe").status_code == 405


def test_a_refund_that_fails_after_it_succeeded_is_shown_to_staff(world: World, stripe: Stripe) -> None:
    refund = refund_of(make_charge(world.tenant(), payment_method=CARD))
    [given] = stripe.given_back(refund.gateway_key)

    for _ in range(2):
        assert send(event("refund.failed", {**given, "status": "failed"})) == 204

    assert fresh(refund).status == "succeeded"
    with system_context(reason="tests"):
        [aside] = SetAside.objects.filter(item=refund.public_id)
    assert aside.reason == f"stripe reports that {given['id']} failed after it had succeeded."
