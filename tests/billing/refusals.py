"""Triggers for billing's refusals (see tests.contracts.refusals)."""

from django.test import override_settings

from billing.services import delete_customer
from billing.services.tiers import apply_tier_request, change_tier, request_tier, withdraw_tier_request
from core.tenancy import tenant_context
from tests.billing.factories import (
    LINE,
    make_charge,
    make_credit_note,
    make_invoice,
    make_payment,
    make_settled_charge,
)
from tests.contracts.refusing import ADA, Outcome, caught, client_of, page, refusal
from tests.factories import SYSTEM, World, make_customer, make_seller

TRANSFER = {"method": "bank_transfer", "amount": 100}


@refusal
def external_id_taken(world: World) -> Outcome:
    make_customer(world.tenant(), external_id="c-1")
    return client_of(world).post("/v1/customers", {**ADA, "external_id": "c-1"})


@refusal
def invoice_empty(world: World) -> Outcome:
    draft = make_invoice(world.tenant(), lines=[])
    return client_of(world).post(f"/v1/invoices/{draft.public_id}/finalize")


@refusal
def customer_deleted(world: World) -> Outcome:
    customer = make_customer(world.tenant())
    draft = make_invoice(world.tenant(), customer=customer)
    with tenant_context(world.tenant()):
        delete_customer(customer=customer, actor=SYSTEM)
    return client_of(world).post(f"/v1/invoices/{draft.public_id}/finalize")


@refusal
def invoice_incomplete(world: World) -> Outcome:
    make_seller(world.tenant(), tax_ids=[])
    draft = make_invoice(world.tenant())
    return client_of(world).post(f"/v1/invoices/{draft.public_id}/finalize")


@refusal
def credit_note_incomplete(world: World) -> Outcome:
    invoice = make_invoice(world.tenant(), finalize=True)
    make_seller(world.tenant(), tax_ids=[])
    return client_of(world).post("/v1/credit_notes", {"invoice": invoice.public_id, "full": True})


@refusal
def invoice_not_draft(world: World) -> Outcome:
    invoice = make_invoice(world.tenant(), finalize=True)
    return client_of(world).patch(f"/v1/invoices/{invoice.public_id}", {"lines": [LINE]})


@refusal
def invoice_not_open(world: World) -> Outcome:
    draft = make_invoice(world.tenant())
    return client_of(world).post(f"/v1/invoices/{draft.public_id}/void")


@refusal
def invoice_has_payments(world: World) -> Outcome:
    invoice = make_invoice(world.tenant(), finalize=True)
    make_settled_charge(world.tenant(), invoice=invoice, amount=100)
    return client_of(world).post(f"/v1/invoices/{invoice.public_id}/void")


@refusal
def invoice_is_draft(world: World) -> Outcome:
    draft = make_invoice(world.tenant())
    return client_of(world).post(f"/v1/invoices/{draft.public_id}/payments", TRANSFER)


@refusal
def invoice_not_creditable(world: World) -> Outcome:
    draft = make_invoice(world.tenant())
    return client_of(world).post("/v1/credit_notes", {"invoice": draft.public_id, "full": True})


@refusal
def invoice_has_credit_notes(world: World) -> Outcome:
    invoice = make_invoice(world.tenant(), finalize=True)
    make_credit_note(world.tenant(), invoice=invoice)
    return client_of(world).post(f"/v1/invoices/{invoice.public_id}/void")


@refusal
def credit_exceeds_invoice(world: World) -> Outcome:
    invoice = make_invoice(world.tenant(), finalize=True)
    body = {"invoice": invoice.public_id, "amount": invoice.total + 1}
    return client_of(world).post("/v1/credit_notes", body)


@refusal
def credit_note_not_voidable(world: World) -> Outcome:
    note = make_credit_note(world.tenant())
    client = client_of(world)
    client.post(f"/v1/credit_notes/{note.public_id}/void", {})
    return client.post(f"/v1/credit_notes/{note.public_id}/void", {})


@refusal
def payment_exceeds_amount_due(world: World) -> Outcome:
    invoice = make_invoice(world.tenant(), finalize=True)
    body = {**TRANSFER, "amount": invoice.total + 1}
    return client_of(world).post(f"/v1/invoices/{invoice.public_id}/payments", body)


@refusal
def payment_not_undoable(world: World) -> Outcome:
    payment = make_payment(world.tenant())
    client = client_of(world)
    client.post(f"/v1/payments/{payment.public_id}/undo", {"reason": "Counted twice"})
    return client.post(f"/v1/payments/{payment.public_id}/undo", {"reason": "Counted twice"})


@refusal
def no_payment_gateway(world: World) -> Outcome:
    with override_settings(BILLING_GATEWAY=""):
        body = {"amount": 100, "currency": "EUR", "payment_method": "card_success"}
        return client_of(world).post("/v1/charges", body)


@refusal
def charge_exceeds_amount_due(world: World) -> Outcome:
    invoice = make_invoice(world.tenant(), finalize=True)
    body = {"invoice": invoice.public_id, "amount": invoice.total + 1, "payment_method": "card_success"}
    return client_of(world).post("/v1/charges", body)


@refusal
def charge_not_refundable(world: World) -> Outcome:
    pending = make_charge(world.tenant(), settle=False)
    return client_of(world).post(f"/v1/charges/{pending.public_id}/refunds", {"amount": 1})


@refusal
def refund_exceeds_charge(world: World) -> Outcome:
    charge = make_settled_charge(world.tenant())
    return client_of(world).post(f"/v1/charges/{charge.public_id}/refunds", {"amount": charge.amount + 1})


@refusal
def tier_request_open(world: World) -> Outcome:
    with tenant_context(world.tenant()):
        request_tier(company=world.company, tier="pro", actor=SYSTEM)
    return page(world, world.owner, "/plan/request/", tier="pro", says="Request pending")


@refusal
def tier_request_closed(world: World) -> Outcome:
    with tenant_context(world.tenant()), caught() as errors:
        request = request_tier(company=world.company, tier="pro", actor=SYSTEM)
        withdraw_tier_request(request=request, actor=SYSTEM)
        withdraw_tier_request(request=request, actor=SYSTEM)
    return errors[0]


@refusal
def tier_unchanged(world: World) -> Outcome:
    with caught() as errors:
        change_tier(company=world.company, tier=world.company.tier, reason="test", actor=SYSTEM)
    return errors[0]


@refusal
def requester_is_no_owner(world: World) -> Outcome:
    with tenant_context(world.tenant()), caught() as errors:
        wanted = request_tier(company=world.company, tier="pro", actor=SYSTEM, requested_by=world.teammate)
        apply_tier_request(request=wanted, reason="test", actor=SYSTEM)
    return errors[0]
