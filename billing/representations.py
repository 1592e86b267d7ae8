"""How billing's objects look to the outside: in API answers and in events alike (docs/architecture.md, Contracts)."""

import uuid
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from billing.models import Charge, Customer, Invoice, InvoiceLine, Refund, Seller
from core import ids
from core.clock import rfc3339


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
    """Return the public form of what a company's invoices say of it."""
    return {
        "object": "seller",
        "mode": row.mode,
        "legal_name": row.legal_name or None,
        "address": row.address,
        "tax_ids": row.tax_ids,
        "bank_details": row.bank_details,
        "footer": row.footer or None,
        "number_prefix": row.number_prefix or None,
        "language": row.language,
        "updated": None if row._state.adding else rfc3339(row.updated),  # noqa: SLF001
    }


def seller_snapshot(row: Seller) -> dict[str, Any]:
    """Return what an invoice keeps of its seller, as of the finalization."""
    return {
        "legal_name": row.legal_name,
        "address": row.address,
        "tax_ids": row.tax_ids,
        "bank_details": row.bank_details,
        "footer": row.footer,
        "language": row.language,
    }


def buyer_snapshot(row: Customer) -> dict[str, Any]:
    """Return what an invoice keeps of its customer, as of the finalization."""
    return {
        "name": row.name,
        "email": row.email,
        "phone": row.phone,
        "address": row.address,
        "tax_ids": row.tax_ids,
        "tax_exempt": row.tax_exempt,
        "language": row.preferred_language,
    }


def _issued_by(row: Invoice) -> dict[str, Any] | None:
    """Return who sells, as a finalized invoice names it; None of a draft, and of one from before sellers were kept."""
    if row.seller is None:
        return None
    return {
        **row.seller,
        "legal_name": row.seller["legal_name"] or None,
        "footer": row.seller["footer"] or None,
    }


def _billed_to(row: Invoice) -> dict[str, Any] | None:
    """Return who is billed, as a finalized invoice names it; None of a draft."""
    if row.billed_to is None:
        return None
    kept = {"tax_ids": [], "tax_exempt": "none", "language": "", **row.billed_to}
    return {**kept, **{name: kept[name] or None for name in ("email", "phone", "language")}}


def _quantity(value: Decimal) -> int | float:
    """Return a quantity as a number of JSON: six decimals of seven digits are exact in a double, and back."""
    return int(value) if value == value.to_integral_value() else float(value)


def tax_breakdown(row: Invoice, lines: Sequence[InvoiceLine]) -> list[dict[str, int]]:
    """Return what is taxed at each rate, and the tax on it; all of an exempt invoice at none."""
    groups: dict[int, dict[str, int]] = {}
    for line in lines:
        rate = line.tax_rate_bps if row.tax_exempt == Customer.TaxExemption.NONE else 0
        group = groups.setdefault(rate, {"tax_rate_bps": rate, "taxable": 0, "tax": 0})
        group["taxable"] += line.amount - line.discount_share - (line.tax if row.prices_include_tax else 0)
        group["tax"] += line.tax
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


def invoice(row: Invoice) -> dict[str, Any]:
    """Return the public form of an invoice with its lines; fetch them ahead when there are many invoices."""
    lines = sorted(row.lines.all(), key=lambda line: line.position)
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
        "lines": [invoice_line(line) for line in lines],
        "discount_bps": row.discount_bps,
        "discount_amount": row.discount_amount,
        "tax_breakdown": tax_breakdown(row, lines),
        "subtotal": row.subtotal,
        "tax": row.tax,
        "total": row.total,
        "amount_paid": row.amount_paid,
        "amount_due": row.amount_due,
        "finalized_at": _moment(row.finalized_at),
        "paid_at": _moment(row.paid_at),
        "voided_at": _moment(row.voided_at),
        "marked_uncollectible_at": _moment(row.marked_uncollectible_at),
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
        "failure_code": row.failure_code or None,
        "failure_message": row.failure_message or None,
        "metadata": row.metadata,
        "created": rfc3339(row.created),
        "updated": rfc3339(row.updated),
    }


def refund(row: Refund) -> dict[str, Any]:
    """Return the public form of a refund."""
    return {
        "id": row.public_id,
        "object": "refund",
        "mode": row.mode,
        "charge": ids.encode("ch", row.charge_id),
        "amount": row.amount,
        "status": row.status,
        "failure_code": row.failure_code or None,
        "failure_message": row.failure_message or None,
        "created": rfc3339(row.created),
        "updated": rfc3339(row.updated),
    }
