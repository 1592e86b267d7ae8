"""Invoices and charges for tests, created through the services."""

from datetime import timedelta
from typing import Any

from billing import services
from billing.gateways import Outcome
from billing.models import Charge, CreditNote, Customer, Invoice, OffPlatformPayment, Refund
from billing.services.charges import settle_charge
from core import clock
from core.tenancy import Tenant, system_context, tenant_context
from tests.factories import SYSTEM, make_customer

LINE = {"description": "Consulting", "quantity": 2, "unit_amount": 5_000, "tax_rate_bps": 1_900}


def set_aside_due_payments() -> None:
    """Postpone pending payments of all companies, so that from here on only newly created ones are due."""
    tomorrow = clock.now() + timedelta(days=1)
    with system_context(reason="tests"):
        for model in (Charge, Refund):
            model.objects.filter(status="pending", due_at__lt=tomorrow - timedelta(hours=1)).update(
                due_at=tomorrow
            )


def make_invoice(
    tenant: Tenant, *, customer: Customer | None = None, finalize: bool = False, **fields: Any
) -> Invoice:
    """Return a draft (or open) invoice over 119.00 EUR, unless `fields` override it."""
    customer = customer or make_customer(tenant)
    with tenant_context(tenant):
        invoice = services.create_invoice(
            actor=SYSTEM, customer=customer, **{"currency": "EUR", "lines": [LINE], **fields}
        )
        return services.finalize_invoice(invoice=invoice, actor=SYSTEM) if finalize else invoice


def make_charge(tenant: Tenant, *, settle: bool = True, **fields: Any) -> Charge:
    """Return a charge (of 50.00 EUR, without an invoice, unless `fields` override it), sent to the gateway."""
    if "invoice" not in fields:
        fields = {"amount": 5_000, "currency": "EUR", **fields}
    with tenant_context(tenant):
        charge = services.create_charge(actor=SYSTEM, **{"payment_method": "card_success", **fields})
    if settle:
        services.complete_payments()
        with tenant_context(tenant):
            charge.refresh_from_db()
    return charge


def make_settled_charge(tenant: Tenant, *, reference: str = "", **fields: Any) -> Charge:
    """Return a successful charge with the gateway ID `reference`, without calling a gateway."""
    charge = make_charge(tenant, settle=False, **fields)
    with tenant_context(tenant):
        return settle_charge(
            charge=charge,
            outcome=Outcome(succeeded=True, reference=reference or f"made-up-{charge.public_id}"),
            actor=SYSTEM,
        )


def make_refund(tenant: Tenant, **fields: Any) -> Refund:
    """Return a refund of a successful charge, without calling a gateway."""
    charge = fields.pop("charge", None) or make_settled_charge(tenant)
    with tenant_context(tenant):
        return services.create_refund(charge=charge, actor=SYSTEM, **(fields or {"amount": 100}))


def make_payment(tenant: Tenant, *, invoice: Invoice | None = None, **fields: Any) -> OffPlatformPayment:
    """Return a transfer of 19.00 EUR for an open invoice, unless `fields` override it."""
    invoice = invoice or make_invoice(tenant, finalize=True)
    with tenant_context(tenant):
        return services.record_payment(
            invoice=invoice, actor=SYSTEM, **{"method": "bank_transfer", "amount": 1_900, **fields}
        )


def make_credit_note(tenant: Tenant, *, invoice: Invoice | None = None, **fields: Any) -> CreditNote:
    """Return a credit note of 11.90 EUR for an open invoice, unless `fields` override it."""
    invoice = invoice or make_invoice(tenant, finalize=True)
    with tenant_context(tenant):
        return services.create_credit_note(invoice=invoice, actor=SYSTEM, **(fields or {"amount": 1_190}))
