"""Triggers for events of customers, invoices, charges and refunds over the API, and of a company's tier and limits."""

import secrets
import time
from typing import Any

import pytest
from django.test import Client

from billing.models import TierLimits, TierRequest
from billing.services import change_tier, set_tier_limits
from billing.tasks import complete_payments, detect_overdue
from core.tenancy import tenant_context
from tests.audit.scene import Scene, Written, provokes
from tests.billing.factories import LINE, make_settled_charge
from tests.billing.stripe_stand_in import dispute_event, signed
from tests.clients import ApiClient
from tests.factories import SYSTEM

SCOPES = ("customers:write", "invoices:read", "invoices:write", "charges:read", "charges:write")


def made(client: ApiClient, path: str, body: Any = None) -> Any:
    answer = client.post(path, body)
    assert answer.status in (200, 201), answer
    return answer.json


def customer(client: ApiClient) -> str:
    return f"/v1/customers/{made(client, '/v1/customers', {'name': 'Ada Lovelace'})['id']}"


def invoice(client: ApiClient) -> str:
    body = {"customer": customer(client).rpartition("/")[2], "currency": "EUR", "lines": [LINE]}
    return f"/v1/invoices/{made(client, '/v1/invoices', body)['id']}"


def open_invoice(client: ApiClient) -> str:
    path = invoice(client)
    made(client, f"{path}/finalize")
    return path


def charge(client: ApiClient, method: str = "card_success", amount: int = 5_000) -> str:
    body = {"amount": amount, "currency": "EUR", "payment_method": method}
    return f"/v1/charges/{made(client, '/v1/charges', body)['id']}"


def settled(client: ApiClient, path: str, status: str) -> None:
    complete_payments()
    found = client.get(path).json
    assert (found["data"][0] if "data" in found else found)["status"] == status


@provokes("invoice.finalized")
def invoice_finalized(scene: Scene) -> Written:
    open_invoice(scene.api(*SCOPES))
    return scene.by_key()


@provokes("invoice.voided")
def invoice_voided(scene: Scene) -> Written:
    client = scene.api(*SCOPES)
    made(client, f"{open_invoice(client)}/void")
    return scene.by_key()


@provokes("invoice.marked_uncollectible")
def invoice_given_up(scene: Scene) -> Written:
    client = scene.api(*SCOPES)
    made(client, f"{open_invoice(client)}/mark_uncollectible")
    return scene.by_key()


@provokes("invoice.paid")
def invoice_paid(scene: Scene) -> Written:
    client = scene.api(*SCOPES)
    path = open_invoice(client)
    made(client, "/v1/charges", {"invoice": path.rpartition("/")[2], "payment_method": "card_success"})
    settled(client, path, "paid")
    return scene.by_pomelo("billing.complete_payments")


def transfer(client: ApiClient, path: str, amount: int = 11_900) -> str:
    payment = made(client, f"{path}/payments", {"method": "bank_transfer", "amount": amount})
    return f"/v1/payments/{payment['id']}"


def credit_note(client: ApiClient) -> str:
    body = {"invoice": open_invoice(client).rpartition("/")[2], "amount": 1_190}
    return f"/v1/credit_notes/{made(client, '/v1/credit_notes', body)['id']}"


def relabel(client: ApiClient, path: str) -> None:
    answer = client.patch(path, {"metadata": {"order": "7"}})
    assert answer.status == 200, answer


@provokes("payment.recorded")
def payment_recorded(scene: Scene) -> Written:
    client = scene.api(*SCOPES)
    transfer(client, open_invoice(client))
    return scene.by_key()


@provokes("payment.updated")
def payment_updated(scene: Scene) -> Written:
    client = scene.api(*SCOPES)
    relabel(client, transfer(client, open_invoice(client)))
    return scene.by_key()


@provokes("payment.undone")
def payment_undone(scene: Scene) -> Written:
    client = scene.api(*SCOPES)
    made(client, f"{transfer(client, open_invoice(client))}/undo", {"reason": "Counted twice"})
    return scene.by_key(where={"detail__reason": "Counted twice"})


@provokes("invoice.reopened")
def invoice_reopened(scene: Scene) -> Written:
    client = scene.api(*SCOPES)
    made(client, f"{transfer(client, open_invoice(client))}/undo", {"reason": "Counted twice"})
    return scene.by_key()


@provokes("invoice.overdue")
def invoice_overdue(scene: Scene) -> Written:
    client = scene.api(*SCOPES)
    path = invoice(client)
    assert client.patch(path, {"due_date": "2026-01-31"}).status == 200
    made(client, f"{path}/finalize")
    detect_overdue()
    return scene.by_pomelo("billing.detect_overdue")


@provokes("credit_note.created")
def credit_note_created(scene: Scene) -> Written:
    credit_note(scene.api(*SCOPES))
    return scene.by_key()


@provokes("credit_note.updated")
def credit_note_updated(scene: Scene) -> Written:
    client = scene.api(*SCOPES)
    relabel(client, credit_note(client))
    return scene.by_key()


@provokes("credit_note.voided")
def credit_note_voided(scene: Scene) -> Written:
    client = scene.api(*SCOPES)
    made(client, f"{credit_note(client)}/void", {"reason": "Written by mistake"})
    return scene.by_key(where={"detail__reason": "Written by mistake"})


@provokes("charge.updated")
def charge_updated(scene: Scene) -> Written:
    client = scene.api(*SCOPES)
    relabel(client, charge(client))
    return scene.by_key()


@provokes("refund.updated")
def refund_updated(scene: Scene) -> Written:
    client = scene.api(*SCOPES)
    relabel(client, f"/v1/refunds/{client.get(refund(client, 900)).json['data'][0]['id']}")
    return scene.by_key()


@provokes("invoice.link_created")
def invoice_link_created(scene: Scene) -> Written:
    public_id = open_invoice(scene.api(*SCOPES)).rpartition("/")[2]
    assert scene.owner.post(f"/invoices/{public_id}/links/new/").status_code == 200
    return scene.by_owner()


@provokes("invoice.links_revoked")
def invoice_links_revoked(scene: Scene) -> Written:
    public_id = open_invoice(scene.api(*SCOPES)).rpartition("/")[2]
    assert scene.owner.post(f"/invoices/{public_id}/links/new/").status_code == 200
    assert scene.owner.post(f"/invoices/{public_id}/links/revoke/").status_code == 302
    return scene.by_owner(where={"detail__links": 1})


@provokes("seller.updated")
def seller_updated(scene: Scene) -> Written:
    answer = scene.api("seller:write").patch("/v1/seller", {"footer": "Managing director: Grace Hopper"})
    assert answer.status == 200, answer
    return scene.by_key()


@provokes("charge.created")
def charge_created(scene: Scene) -> Written:
    charge(scene.api(*SCOPES))
    return scene.by_key()


@provokes("charge.succeeded")
def charge_succeeded(scene: Scene) -> Written:
    client = scene.api(*SCOPES)
    settled(client, charge(client), "succeeded")
    return scene.by_pomelo("billing.complete_payments")


@provokes("charge.failed")
def charge_failed(scene: Scene) -> Written:
    client = scene.api(*SCOPES)
    settled(client, charge(client, "card_declined"), "failed")
    return scene.by_pomelo("billing.complete_payments")


def report_dispute(scene: Scene, *statuses: str) -> Written:
    """Let Stripe tell of a dispute about a charge of its, which has these states one after the other."""
    pytest.importorskip("stripe", reason="the SDK is an extra, which this environment is without")
    secret = scene.settings.STRIPE_LIVE_WEBHOOK_SECRET = "whsec_of_the_scene"
    scene.settings.STRIPE_LIVE_SECRET_KEY = "sk_live_of_the_scene"
    scene.settings.BILLING_GATEWAY = "billing.gateways.stripe.StripeGateway"
    reference = f"pi_{secrets.token_hex(8)}"
    make_settled_charge(scene.world.tenant(), payment_method="pm_card_visa", reference=reference)
    for step, status in enumerate(statuses):
        body = dispute_event(reference, status, created=int(time.time()) + step)
        answer = Client().post(
            "/callbacks/stripe", body, content_type="application/json", headers=signed(body, secret)
        )
        assert answer.status_code == 204, answer.content
    return scene.by_pomelo("billing.gateway_reports")


@provokes("charge.disputed")
def charge_disputed(scene: Scene) -> Written:
    return report_dispute(scene, "needs_response")


@provokes("charge.dispute_updated")
def charge_dispute_updated(scene: Scene) -> Written:
    return report_dispute(scene, "needs_response", "under_review")


@provokes("charge.dispute_closed")
def charge_dispute_closed(scene: Scene) -> Written:
    return report_dispute(scene, "needs_response", "lost")


def refund(client: ApiClient, amount: int) -> str:
    path = charge(client)
    settled(client, path, "succeeded")
    made(client, f"{path}/refunds", {"amount": amount})
    return f"{path}/refunds"


@provokes("refund.created")
def refund_created(scene: Scene) -> Written:
    refund(scene.api(*SCOPES), 900)
    return scene.by_key()


@provokes("refund.succeeded")
def refund_succeeded(scene: Scene) -> Written:
    client = scene.api(*SCOPES)
    settled(client, refund(client, 900), "succeeded")
    return scene.by_pomelo("billing.complete_payments")


@provokes("refund.failed")
def refund_failed(scene: Scene) -> Written:
    client = scene.api(*SCOPES)
    settled(client, refund(client, 4_002), "failed")  # the amount that the sandbox declines
    return scene.by_pomelo("billing.complete_payments")


# --- tiers and limits ---

PLANS, REQUESTS = "billing/companyplan", "billing/tierrequest"


def ask(scene: Scene) -> TierRequest:
    assert scene.owner.post("/plan/request/", {"tier": "pro"}).status_code == 302
    with tenant_context(scene.world.tenant()):
        found: TierRequest = TierRequest.objects.get()
    return found


@provokes("company.tier_requested")
def requested(scene: Scene) -> Written:
    ask(scene)
    return scene.by_owner()


@provokes("company.tier_request_withdrawn")
def withdrawn(scene: Scene) -> Written:
    ask(scene)
    assert scene.owner.post("/plan/withdraw/").status_code == 302
    return scene.by_owner()


@provokes("company.tier_request_declined")
def declined(scene: Scene) -> Written:
    scene.act_as_staff(REQUESTS, "decline", ask(scene))
    return scene.by_staff(where={"detail__reason": "asked for by phone"})


@provokes("company.tier_changed")
def tier_changed(scene: Scene) -> Written:
    scene.act_as_staff(PLANS, "change_tier", scene.world.company, tier="pro")
    return scene.by_staff(where={"detail__reason": "asked for by phone"})


@provokes("company.limits_overridden")
def limits_overridden(scene: Scene) -> Written:
    scene.act_as_staff(PLANS, "override_limits", scene.world.company, requests_per_minute="7")
    return scene.by_staff(where={"detail__reason": "asked for by phone"})


def change_limits_of_tier(scene: Scene) -> dict[str, list[int]]:
    """Let staff change a limit of a tier, and put it back: the tiers are every test's. Returns the change."""
    tier = TierLimits.objects.get(tier="enterprise")
    before = tier.sms_per_day
    scene.act_as_staff("billing/tierlimits", "set_limits", tier, sms_per_day=str(before + 1))
    set_tier_limits(tier=tier.tier, limits={"sms_per_day": before}, reason="end of the test", actor=SYSTEM)
    return {"sms_per_day": [before, before + 1]}


@provokes("tier.limits_changed")
def tier_limits_changed(scene: Scene) -> Written:
    changes = change_limits_of_tier(scene)
    member = scene.staff_member.public_id
    return Written(("staff", member), where={"actor_id": member, "changes": changes})


@provokes("company.limits_changed")
def company_limits_changed(scene: Scene) -> Written:
    change_tier(company=scene.world.company, tier="enterprise", reason="grew", actor=SYSTEM)
    return scene.by_staff(where={"changes": change_limits_of_tier(scene)})
