"""The state transitions of an invoice: draft → open → paid | void | uncollectible. services/settling.py handles payment."""

from collections.abc import Collection

from billing import representations
from billing.events import InvoiceFinalized, InvoiceMarkedUncollectible, InvoicePaid, InvoiceVoided
from billing.models import Customer, Invoice, InvoiceCounter, InvoiceLine
from billing.selectors import current_seller
from billing.services.errors import (
    CustomerIsDeleted,
    InvoiceEmpty,
    InvoiceHasCreditNotes,
    InvoiceHasPayments,
    InvoiceIncomplete,
)
from billing.services.invoices import check_draft, check_open, lock_draft, lock_invoice, recalculate
from billing.services.legal import check_document
from billing.services.numbering import invoice_prefix, next_number
from core import clock
from core.events import publish
from core.principal import Principal


def finalize_invoice(*, invoice: Invoice, actor: Principal) -> Invoice:
    """Assign a number to a draft and open it; an invoice with a total of zero is paid immediately.

    It keeps a snapshot of seller and buyer. Raises InvoiceNotDraft, InvoiceEmpty, CustomerIsDeleted; InvoiceIncomplete for
    legally required details missing from either party, which for a test invoice is only a warning.
    """
    invoice = lock_draft(invoice)
    lines = list(InvoiceLine.objects.filter(invoice=invoice).order_by("position"))
    now = clock.now()
    # Locked, so that it is not deleted concurrently.
    customer = Customer.objects.select_for_update(no_key=True).get(id=invoice.customer_id)
    _check_written(lines, customer)
    seller = current_seller()
    invoice.customer = customer
    recalculate(invoice)
    invoice.seller = representations.seller_snapshot(seller)
    invoice.billed_to = representations.buyer_snapshot(customer)
    written = {
        "memo": invoice.memo,
        "tax_note": invoice.tax_note,
        "purchase_order": invoice.purchase_order,
        "lines": [{"description": line.description} for line in lines],
    }
    invoice.warnings = check_document(
        seller=invoice.seller,
        buyer=invoice.billed_to,
        written=written,
        mode=invoice.mode,
        refusal=InvoiceIncomplete,
    )
    invoice.sequence = next_number(InvoiceCounter)
    invoice.number = f"{invoice_prefix(seller)}-{invoice.sequence:06d}"
    invoice.status = Invoice.Status.OPEN if invoice.total else Invoice.Status.PAID
    invoice.finalized_at = invoice.updated = now
    invoice.paid_at = None if invoice.total else now
    invoice.save()
    publish(
        InvoiceFinalized(object_id=invoice.public_id, object=representations.invoice(invoice)), actor=actor
    )
    if invoice.status == Invoice.Status.PAID:
        publish(
            InvoicePaid(object_id=invoice.public_id, object=representations.invoice(invoice)), actor=actor
        )
    return invoice


def void_invoice(*, invoice: Invoice, actor: Principal) -> Invoice:
    """Void an open invoice; it keeps its number. Raises InvoiceNotOpen, InvoiceHasPayments, InvoiceHasCreditNotes."""
    invoice = lock_invoice(invoice)
    check_void(invoice)
    invoice.status = Invoice.Status.VOID
    invoice.voided_at = invoice.updated = clock.now()
    invoice.save(update_fields=["status", "voided_at", "updated"])
    publish(InvoiceVoided(object_id=invoice.public_id, object=representations.invoice(invoice)), actor=actor)
    return invoice


def mark_uncollectible(*, invoice: Invoice, actor: Principal) -> Invoice:
    """Write off an open invoice. Raises InvoiceNotOpen, InvoiceHasPayments while a charge is pending."""
    invoice = lock_invoice(invoice)
    check_give_up(invoice)
    invoice.status = Invoice.Status.UNCOLLECTIBLE
    invoice.marked_uncollectible_at = invoice.updated = clock.now()
    invoice.save(update_fields=["status", "marked_uncollectible_at", "updated"])
    publish(
        InvoiceMarkedUncollectible(object_id=invoice.public_id, object=representations.invoice(invoice)),
        actor=actor,
    )
    return invoice


def check_finalize(invoice: Invoice) -> None:
    """Raise InvoiceNotDraft, InvoiceEmpty, CustomerIsDeleted. Legal requirements are only checked by `finalize_invoice`."""
    check_draft(invoice)
    _check_written(invoice.lines.all(), invoice.customer)


def check_void(invoice: Invoice) -> None:
    """Raise InvoiceNotOpen, InvoiceHasPayments, InvoiceHasCreditNotes."""
    check_open(invoice)
    if invoice.amount_paid or invoice.amount_pending:
        raise InvoiceHasPayments("This invoice has been charged or paid, or is being charged now.")
    if invoice.pre_payment_credit:
        raise InvoiceHasCreditNotes("Part of this invoice was credited.")


def check_give_up(invoice: Invoice) -> None:
    """Raise InvoiceNotOpen, InvoiceHasPayments while a charge is pending."""
    check_open(invoice)
    if invoice.amount_pending:
        raise InvoiceHasPayments("A charge for this invoice is pending.")


def _check_written(lines: Collection[InvoiceLine], customer: Customer) -> None:
    if not lines:
        raise InvoiceEmpty("The invoice has no lines.")
    if customer.deleted_at is not None:
        raise CustomerIsDeleted("The customer was deleted after the draft was written.")
