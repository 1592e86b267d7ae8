"""The public form of billing's objects, in API responses and events alike (docs/architecture.md, Contracts)."""

import uuid
from collections.abc import Iterable, Sequence
from decimal import Decimal
from operator import attrgetter
from typing import Any

from django.db.models import prefetch_related_objects

from billing.models import (
    Charge,
    CreditNote,
    CreditNoteLine,
    Customer,
    Dispute,
    Invoice,
    InvoiceLine,
    OffPlatformPayment,
    Refund,
    Seller,
    SellerLogo,
)
from core.clock import rfc3339
from core.values import ids


def _moment(value: Any) -> str | None:
    return rfc3339(value) if value is not None else None


def _reference(prefix: str, value: uuid.UUID | None) -> str | None:
    return ids.encode(prefix, value) if value is not None else None


def customer(row: Customer) -> dict[str, Any]:
    """Return the public form of a customer."""
    return {
        "id": row.public_id,
        "object": "customer",
        "mode": row.mode,
        "name": row.name,
        "email": row.email or None,
        "phone": row.phone or None,
        "address": row.address,
        "tax_ids": row.tax_ids,
        "tax_exempt": row.tax_exempt,
        "preferred_language": row.preferred_language or None,
        "external_id": row.external_id,
        "metadata": row.metadata,
        "created": rfc3339(row.created),
        "updated": rfc3339(row.updated),
    }


def seller(row: Seller) -> dict[str, Any]:
    """Return the public form of the company's details on invoices."""
    return {
        "object": "seller",
        "mode": row.mode,
        "legal_name": row.legal_name or None,
        "address": row.address,
        "tax_ids": row.tax_ids,
        "bank_details": row.bank_details,
        "logo": logo(row.logo),
        "footer": row.footer or None,
        "number_prefix": row.number_prefix or None,
        "language": row.language,
        "updated": None if row._state.adding else rfc3339(row.updated),  # noqa: SLF001
    }


def logo(row: SellerLogo | None) -> dict[str, Any] | None:
    """Return the public form of a logo, as redrawn from the uploaded file."""
    if row is None:
        return None
    return {"content_type": row.content_type, "width": row.width, "height": row.height, "sha256": row.sha256}


def seller_snapshot(row: Seller) -> dict[str, Any]:
    """Return the snapshot of the seller that an invoice keeps as of finalization."""
    return {
        "legal_name": row.legal_name,
        "address": row.address,
        "tax_ids": row.tax_ids,
        "bank_details": row.bank_details,
        "logo": row.logo_id and ids.encode("logo", row.logo_id),
        "footer": row.footer,
        "language": row.language,
    }


def buyer_snapshot(row: Customer) -> dict[str, Any]:
    """Return the snapshot of the customer that an invoice keeps as of finalization."""
    return {
        "name": row.name,
        "email": row.email,
        "phone": row.phone,
        "address": row.address,
        "tax_ids": row.tax_ids,
        "tax_exempt": row.tax_exempt,
        "language": row.preferred_language,
    }


def _issued_by(row: Invoice | CreditNote) -> dict[str, Any] | None:
    """Return the seller of a finalized invoice; None for a draft, and for one from before sellers were stored."""
    if row.seller is None:
        return None
    return {
        **{name: value for name, value in row.seller.items() if name != "logo"},
        "legal_name": row.seller["legal_name"] or None,
        "footer": row.seller["footer"] or None,
    }


def _billed_to(row: Invoice | CreditNote) -> dict[str, Any] | None:
    """Return the customer of a finalized invoice; None for a draft."""
    if row.billed_to is None:
        return None
    kept = {"tax_ids": [], "tax_exempt": "none", "language": "", **row.billed_to}
    return {**kept, **{name: kept[name] or None for name in ("email", "phone", "language")}}


def _quantity(value: Decimal) -> int | float:
    """Return a quantity as a JSON number: six decimal places of seven digits are exact in a double, and back."""
    return int(value) if value == value.to_integral_value() else float(value)


def tax_breakdown(row: Invoice, lines: Sequence[InvoiceLine]) -> list[dict[str, int]]:
    """Return the amount taxed at each rate and its tax; for an exempt invoice, everything without a rate."""
    return _by_tax_rate(
        row, ((line.tax_rate_bps, line.amount - line.discount_share, line.tax) for line in lines)
    )


def _by_tax_rate(invoice: Invoice, parts: Iterable[tuple[int, int, int]]) -> list[dict[str, int]]:
    """Add up rates, amounts in the invoice's prices and taxes by rate."""
    groups: dict[int, dict[str, int]] = {}
    for rate, amount, tax in parts:
        applied = rate if invoice.tax_exempt == Customer.TaxExemption.NONE else 0
        group = groups.setdefault(applied, {"tax_rate_bps": applied, "taxable": 0, "tax": 0})
        group["taxable"] += amount - (tax if invoice.prices_include_tax else 0)
        group["tax"] += tax
    return [groups[rate] for rate in sorted(groups)]


def invoice_line(row: InvoiceLine) -> dict[str, Any]:
    """Return the public form of a line of an invoice."""
    return {
        "id": row.public_id,
        "object": "invoice_line",
        "description": row.description,
        "quantity": _quantity(row.quantity),
        "unit_amount": row.unit_amount,
        "tax_rate_bps": row.tax_rate_bps,
        "discount_bps": row.discount_bps,
        "discount_amount": row.discount_amount,
        "amount": row.amount,
        "tax": row.tax,
    }


def invoice(row: Invoice, *, with_lines: bool = True) -> dict[str, Any]:
    """Return the public form of an invoice. Prefetch the lines for many invoices."""
    return {**_invoice(row), **(_invoice_lines(row) if with_lines else {})}


def _invoice_lines(row: Invoice) -> dict[str, Any]:
    lines = sorted(row.lines.all(), key=lambda line: line.position)
    return {"lines": [invoice_line(line) for line in lines], "tax_breakdown": tax_breakdown(row, lines)}


def _invoice(row: Invoice) -> dict[str, Any]:
    return {
        "id": row.public_id,
        "object": "invoice",
        "mode": row.mode,
        "customer": ids.encode("cus", row.customer_id),
        "status": row.status,
        "number": row.number,
        "currency": row.currency,
        "due_date": row.due_date.isoformat() if row.due_date else None,
        "external_id": row.external_id,
        "metadata": row.metadata,
        "seller": _issued_by(row),
        "billed_to": _billed_to(row),
        "warnings": row.warnings,
        "purchase_order": row.purchase_order or None,
        "memo": row.memo or None,
        "service_period": row.service_start
        and row.service_end
        and {"start": row.service_start.isoformat(), "end": row.service_end.isoformat()},
        "prices_include_tax": row.prices_include_tax,
        "tax_exempt": row.tax_exempt,
        "tax_note": row.tax_note or None,
        "discount_bps": row.discount_bps,
        "discount_amount": row.discount_amount,
        "subtotal": row.subtotal,
        "tax": row.tax,
        "total": row.total,
        "amount_paid": row.amount_paid,
        "amount_due": row.amount_due,
        "amount_refunded": row.amount_refunded,
        "pre_payment_credit": row.pre_payment_credit,
        "post_payment_credit": row.post_payment_credit,
        "finalized_at": _moment(row.finalized_at),
        "paid_at": _moment(row.paid_at),
        "voided_at": _moment(row.voided_at),
        "marked_uncollectible_at": _moment(row.marked_uncollectible_at),
        "overdue_at": _moment(row.overdue_at),
        "created": rfc3339(row.created),
        "updated": rfc3339(row.updated),
    }


def charge(row: Charge) -> dict[str, Any]:
    """Return the public form of a charge."""
    return {
        "id": row.public_id,
        "object": "charge",
        "mode": row.mode,
        "amount": row.amount,
        "currency": row.currency,
        "payment_method": row.payment_method,
        "invoice": _reference("in", row.invoice_id),
        "customer": _reference("cus", row.customer_id),
        "status": row.status,
        "amount_refunded": row.amount_refunded,
        # Charges that did not succeed have no disputes.
        "disputes": [dispute(each) for each in sorted(row.disputes.all(), key=attrgetter("id"))]
        if row.status == "succeeded"
        else [],
        "failure_code": row.failure_code or None,
        "failure_message": row.failure_message or None,
        "metadata": row.metadata,
        "created": rfc3339(row.created),
        "updated": rfc3339(row.updated),
    }


def dispute(row: Dispute) -> dict[str, Any]:
    """Return the public form of a charge's dispute."""
    return {
        "id": row.public_id,
        "amount": row.amount,
        "currency": row.currency,
        "reason": row.reason,
        "status": row.status,
        "response_due_at": _moment(row.response_due_at),
        "created": rfc3339(row.created),
        "updated": rfc3339(row.updated),
    }


def refund(row: Refund) -> dict[str, Any]:
    """Return the public form of a refund; prefetch the charge and credit notes for many refunds."""
    return {
        "id": row.public_id,
        "object": "refund",
        "mode": row.mode,
        "charge": ids.encode("ch", row.charge_id),
        "invoice": _reference("in", row.charge.invoice_id),
        "credit_note": next((note.public_id for note in row.credit_notes.all()), None),
        "amount": row.amount,
        "currency": row.charge.currency,
        "status": row.status,
        "reason": row.reason or None,
        "failure_code": row.failure_code or None,
        "failure_message": row.failure_message or None,
        "metadata": row.metadata,
        "created": rfc3339(row.created),
        "updated": rfc3339(row.updated),
    }


def payment(row: OffPlatformPayment) -> dict[str, Any]:
    """Return the public form of a payment received outside the gateway."""
    return {
        "id": row.public_id,
        "object": "payment",
        "mode": row.mode,
        "invoice": ids.encode("in", row.invoice_id),
        "method": row.method,
        "amount": row.amount,
        "currency": row.invoice.currency,
        "paid_at": rfc3339(row.paid_at),
        "reference": row.reference or None,
        "metadata": row.metadata,
        "undone_at": _moment(row.undone_at),
        "undo_reason": row.undo_reason or None,
        "created": rfc3339(row.created),
        "updated": rfc3339(row.updated),
    }


def credit_note_line(row: CreditNoteLine) -> dict[str, Any]:
    """Return the public form of a line of a credit note."""
    return {
        "id": row.public_id,
        "object": "credit_note_line",
        "invoice_line": ids.encode("il", row.invoice_line_id),
        "description": row.invoice_line.description,
        "quantity": None if row.quantity is None else _quantity(row.quantity),
        "tax_rate_bps": row.invoice_line.tax_rate_bps,
        "amount": row.amount,
        "tax": row.tax,
    }


def credit_breakdown(row: CreditNote, lines: Sequence[CreditNoteLine]) -> list[dict[str, int]]:
    """Return the credit at each tax rate, and its tax."""
    return _by_tax_rate(
        row.invoice, ((line.invoice_line.tax_rate_bps, line.amount, line.tax) for line in lines)
    )


def credit_note(row: CreditNote, *, with_lines: bool = True) -> dict[str, Any]:
    """Return the public form of a credit note; prefetch the invoice for many, and the lines where they are needed."""
    return {**_credit_note(row), **(_credit_note_lines(row) if with_lines else {})}


def _credit_note_lines(row: CreditNote) -> dict[str, Any]:
    prefetch_related_objects([row], "lines__invoice_line")
    lines = sorted(row.lines.all(), key=lambda line: line.position)
    return {
        "lines": [credit_note_line(line) for line in lines],
        "tax_breakdown": credit_breakdown(row, lines),
    }


def _credit_note(row: CreditNote) -> dict[str, Any]:
    prefetch_related_objects([row], "invoice")
    return {
        "id": row.public_id,
        "object": "credit_note",
        "mode": row.mode,
        "number": row.number,
        "invoice": ids.encode("in", row.invoice_id),
        "customer": ids.encode("cus", row.invoice.customer_id),
        "refund": _reference("re", row.refund_id),
        "status": row.status,
        "currency": row.invoice.currency,
        "reason": row.reason or None,
        "memo": row.memo or None,
        "metadata": row.metadata,
        "seller": _issued_by(row),
        "billed_to": _billed_to(row),
        "warnings": row.warnings,
        "prices_include_tax": row.invoice.prices_include_tax,
        "subtotal": row.subtotal,
        "tax": row.tax,
        "total": row.total,
        "pre_payment_amount": row.pre_payment_amount,
        "post_payment_amount": row.post_payment_amount,
        "voided_at": _moment(row.voided_at),
        "void_reason": row.void_reason or None,
        "created": rfc3339(row.created),
        "updated": rfc3339(row.updated),
    }
