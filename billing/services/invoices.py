"""Creates, edits and deletes draft invoices."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Any

from billing import representations
from billing.events import InvoiceCreated, InvoiceDeleted, InvoiceUpdated
from billing.models import Customer, Invoice, InvoiceLine
from billing.money import (
    MAX_AMOUNT,
    MAX_DISCOUNT_BPS,
    MAX_LINES,
    MAX_QUANTITY,
    MAX_TAX_RATE_BPS,
    QUANTITY_DECIMALS,
    DiscountTooLarge,
    LineTooLarge,
    Position,
    price_invoice,
)
from billing.services.customer_fields import clean_external_id
from billing.services.errors import ExternalIdTaken, InvoiceNotDraft, InvoiceNotOpen
from core import clock
from core.errors import FieldError, FieldErrors, NotFound
from core.events import publish
from core.postgres.failures import refusing
from core.principal import Principal
from core.values.currencies import EXPONENTS
from core.values.metadata import clean_metadata, merge_metadata
from core.values.texts import clean_text

EARLIEST_DAY, LATEST_DAY = date(2000, 1, 1), date(2199, 12, 31)
_RANGES = (
    ("quantity", Decimal("0.000001"), MAX_QUANTITY),
    ("unit_amount", 0, MAX_AMOUNT),
    ("tax_rate_bps", 0, MAX_TAX_RATE_BPS),
    ("discount_amount", 0, MAX_AMOUNT),
    ("discount_bps", 0, MAX_DISCOUNT_BPS),
)
_AMOUNTS = ("amount", "discount_amount", "discount_share", "tax")
_EXTERNAL_ID = "billing_invoice_external_id"
# The maximum length of each field in characters.
_TEXTS = {"purchase_order": 100, "memo": 1000, "tax_note": 300}


def create_invoice(
    *,
    actor: Principal,
    customer: Customer,
    currency: str,
    lines: Sequence[Mapping[str, Any]] = (),
    **fields: Any,
) -> Invoice:
    """Create a draft; `fields` are those of `update_invoice`. Raises FieldErrors, ExternalIdTaken."""
    problems = _set_fields(invoice := Invoice(), {"customer": customer, "currency": currency, **fields})
    rows = _build_lines(invoice, lines)
    _refuse(problems + _price(invoice, rows))
    with refusing(_EXTERNAL_ID, partial(ExternalIdTaken.by, Invoice, invoice.external_id)):
        Invoice.objects.bulk_create([invoice])
    InvoiceLine.objects.bulk_create(rows)
    publish(InvoiceCreated(object_id=invoice.public_id, object=representations.invoice(invoice)), actor=actor)
    return invoice


def _external_id(text: str | None) -> str | None:
    try:
        return clean_external_id(text)
    except ValueError as error:
        raise FieldErrors([FieldError("external_id", "invalid", str(error))]) from error


def update_invoice(*, invoice: Invoice, actor: Principal, **fields: Any) -> Invoice:
    """Update the given fields of a draft: `lines` are replaced as a whole, `metadata` is merged (null removes a key).

    On a finalized invoice, only `metadata` can be changed. Raises InvoiceNotDraft, FieldErrors, ExternalIdTaken.
    """
    invoice = lock_invoice(invoice) if fields.keys() == {"metadata"} else lock_draft(invoice)
    before = representations.invoice(invoice)
    lines = fields.pop("lines", None)
    problems = _set_fields(invoice, fields)
    invoice.updated = clock.now()
    rows: list[InvoiceLine] = []
    if lines is not None:
        rows = _build_lines(invoice, lines)
        problems += _price(invoice, rows)
    elif invoice.status == Invoice.Status.DRAFT:
        rows, found = _reprice(invoice)
        problems += found
    _refuse(problems)
    with refusing(_EXTERNAL_ID, partial(ExternalIdTaken.by, Invoice, invoice.external_id)):
        invoice.save()
    if lines is not None:
        InvoiceLine.objects.filter(invoice=invoice).delete()
        InvoiceLine.objects.bulk_create(rows)
    else:
        _save_amounts(rows)
    after = representations.invoice(invoice)
    changes = {name: [before[name], after[name]] for name in after if before[name] != after[name]}
    changes.pop("updated", None)
    publish(InvoiceUpdated(object_id=invoice.public_id, object=after, changes=changes), actor=actor)
    return invoice


def delete_invoice(*, invoice: Invoice, actor: Principal) -> None:
    """Delete a draft; it has no number, so this leaves no gap. Raises InvoiceNotDraft."""
    invoice = lock_draft(invoice)
    event = InvoiceDeleted(object_id=invoice.public_id, object=representations.invoice(invoice))
    invoice.delete()
    publish(event, actor=actor)


def lock_invoice(invoice: Invoice) -> Invoice:
    """Lock the invoice until the end of the transaction and return its current state. Raises NotFound when it was deleted."""
    try:
        locked: Invoice = Invoice.objects.select_for_update(no_key=True).get(id=invoice.id)
    except Invoice.DoesNotExist as error:
        raise NotFound from error
    return locked


def lock_draft(invoice: Invoice) -> Invoice:
    """Lock the draft and return its current state. Raises InvoiceNotDraft, NotFound."""
    locked = lock_invoice(invoice)
    check_draft(locked)
    return locked


def check_draft(invoice: Invoice) -> None:
    """Raise InvoiceNotDraft for an invoice that can no longer be edited, deleted or finalized."""
    if invoice.status != Invoice.Status.DRAFT:
        raise InvoiceNotDraft(f"The invoice is {invoice.status}.", facts={"status": invoice.status})


def check_open(invoice: Invoice) -> None:
    """Raise InvoiceNotOpen for an invoice that is not open."""
    if invoice.status != Invoice.Status.OPEN:
        raise InvoiceNotOpen(f"The invoice is {invoice.status}.", facts={"status": invoice.status})


def lines_of(invoice: Invoice) -> list[InvoiceLine]:
    """Return the lines in order."""
    return list(InvoiceLine.objects.filter(invoice=invoice).order_by("position"))


def recalculate(invoice: Invoice) -> None:
    """Recalculate a draft and its lines for the customer's current details, and save the changed lines. Raises FieldErrors."""
    rows, problems = _reprice(invoice)
    _refuse(problems)
    _save_amounts(rows)


def _reprice(invoice: Invoice) -> tuple[list[InvoiceLine], list[FieldError]]:
    """Recalculate the existing lines; return those with changed amounts, and the errors."""
    rows = lines_of(invoice)
    before = [_amounts_of(row) for row in rows]
    problems = _price(invoice, rows)
    return [row for row, amounts in zip(rows, before, strict=True) if _amounts_of(row) != amounts], problems


def _amounts_of(row: InvoiceLine) -> list[int]:
    return [getattr(row, name) for name in _AMOUNTS]


def _save_amounts(rows: Sequence[InvoiceLine]) -> None:
    if rows:
        InvoiceLine.objects.bulk_update(rows, _AMOUNTS)


def _set_fields(invoice: Invoice, fields: dict[str, Any]) -> list[FieldError]:
    """Set the given fields on a draft; return the errors."""
    fields = dict(fields)
    problems: list[FieldError] = []
    if "metadata" in fields:
        merged = merge_metadata(invoice.metadata, fields["metadata"])
        fields["metadata"], problems = clean_metadata(merged)
    if "external_id" in fields:
        fields["external_id"] = _external_id(fields["external_id"])
    if "service_period" in fields:
        period = fields.pop("service_period") or {}
        fields["service_start"], fields["service_end"] = period.get("start"), period.get("end")
    fields |= _discount(fields)
    for name, longest in _TEXTS.items():
        if name in fields:
            try:
                fields[name] = clean_text(fields[name] or "", longest=longest)
            except ValueError as error:
                problems.append(FieldError(name, "invalid", str(error)))
    for name, value in fields.items():
        setattr(invoice, name, value)
    if invoice.currency not in EXPONENTS:
        problems.append(FieldError("currency", "invalid", "Use an uppercase ISO 4217 code, such as EUR."))
    for name, day in (
        ("due_date", invoice.due_date),
        ("service_period.start", invoice.service_start),
        ("service_period.end", invoice.service_end),
    ):
        if day is not None and not EARLIEST_DAY <= day <= LATEST_DAY:
            problems.append(FieldError(name, "invalid", f"Use a date from {EARLIEST_DAY} to {LATEST_DAY}."))
    if (invoice.service_start is None) != (invoice.service_end is None):
        problems.append(FieldError("service_period", "invalid", "Send both `start` and `end`."))
    elif invoice.service_start and invoice.service_end and invoice.service_start > invoice.service_end:
        problems.append(FieldError("service_period", "invalid", "`start` is after `end`."))
    return problems


def _discount(fields: Mapping[str, Any], of: str = "") -> dict[str, Any]:
    """Return the two discount fields as stored: an amount clears the percentage, and vice versa."""
    bps, amount = fields.get("discount_bps"), fields.get("discount_amount")
    if bps and amount:
        text = "Send either `discount_amount` or `discount_bps`."
        raise FieldErrors([FieldError(f"{of}discount_bps", "contradictory", text)])
    if "discount_bps" in fields and bps is not None:
        return {"discount_bps": bps, "discount_amount": 0}
    if "discount_bps" in fields or "discount_amount" in fields:
        return {"discount_bps": None, "discount_amount": amount or 0}
    return {}


def _build_lines(invoice: Invoice, lines: Sequence[Mapping[str, Any]]) -> list[InvoiceLine]:
    """Return unsaved rows for `lines`, without amounts."""
    if len(lines) > MAX_LINES:
        raise FieldErrors([FieldError("lines", "too_many", f"At most {MAX_LINES} lines are accepted.")])
    rows, problems = [], []
    for position, line in enumerate(lines):
        values = {"tax_rate_bps": 0, **line, "quantity": Decimal(line["quantity"])}
        values |= {"discount_amount": 0, "discount_bps": None, **_discount(values, f"lines.{position}.")}
        problems += [
            FieldError(f"lines.{position}.{name}", "out_of_range", f"Use a number from {low} to {high}.")
            for name, low, high in _RANGES
            if values[name] is not None and not low <= values[name] <= high
        ]
        exponent = values["quantity"].as_tuple().exponent
        if isinstance(exponent, int) and exponent < -QUANTITY_DECIMALS:
            text = f"Use at most {QUANTITY_DECIMALS} decimals."
            problems.append(FieldError(f"lines.{position}.quantity", "decimals", text))
        rows.append(InvoiceLine(invoice=invoice, position=position, **values))
    _refuse(problems)
    return rows


def _price(invoice: Invoice, rows: Sequence[InvoiceLine]) -> list[FieldError]:
    """Calculate the amounts of the invoice and its lines; return the errors."""
    invoice.tax_exempt, invoice.tax_per_rate = invoice.customer.tax_exempt, True
    try:
        found = price_invoice(
            [
                Position(
                    row.quantity, row.unit_amount, row.tax_rate_bps, row.discount_amount, row.discount_bps
                )
                for row in rows
            ],
            discount_amount=invoice.discount_amount,
            discount_bps=invoice.discount_bps,
            prices_include_tax=invoice.prices_include_tax,
            is_exempt=invoice.tax_exempt != Customer.TaxExemption.NONE,
        )
    except LineTooLarge as error:
        return [FieldError(f"lines.{error.position}", "invalid", str(error))]
    except DiscountTooLarge as error:
        return [FieldError("discount_amount", "too_large", str(error))]
    except ValueError as error:
        return [FieldError("lines", "too_large", str(error))]
    for row, amounts in zip(rows, found.lines, strict=True):
        row.amount, row.tax = amounts.amount, amounts.tax
        row.discount_amount, row.discount_share = amounts.discount_amount, amounts.discount_share
    invoice.subtotal, invoice.tax, invoice.total = found.subtotal, found.tax, found.total
    invoice.discount_amount = found.discount_amount
    return []


def _refuse(problems: list[FieldError]) -> None:
    if problems:
        raise FieldErrors(problems)
