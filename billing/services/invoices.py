"""Creating, editing and deleting draft invoices."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from django.db import IntegrityError, transaction

from billing import representations
from billing.events import InvoiceCreated, InvoiceDeleted, InvoiceUpdated
from billing.models import Customer, Invoice, InvoiceLine
from billing.money import MAX_AMOUNT, MAX_LINES, MAX_QUANTITY, MAX_TAX_RATE_BPS, line_amounts
from billing.services.customer_fields import clean_external_id, clean_metadata
from billing.services.errors import ExternalIdTaken, InvoiceNotDraft
from billing.services.party_fields import merge_metadata
from core import clock
from core.currencies import EXPONENTS
from core.errors import FieldError, FieldErrors, NotFound
from core.events import publish
from core.principal import Principal

EARLIEST_DUE, LATEST_DUE = date(2000, 1, 1), date(2199, 12, 31)
_RANGES = {
    "quantity": (1, MAX_QUANTITY),
    "unit_amount": (0, MAX_AMOUNT),
    "tax_rate_bps": (0, MAX_TAX_RATE_BPS),
    "discount_amount": (0, MAX_AMOUNT),
}
_LINE_DEFAULTS = {"tax_rate_bps": 0, "discount_amount": 0}


def create_invoice(
    *,
    actor: Principal,
    customer: Customer,
    currency: str,
    lines: Sequence[Mapping[str, Any]] = (),
    due_date: date | None = None,
    external_id: str | None = None,
    metadata: Mapping[str, str | None] | None = None,
) -> Invoice:
    """Create a draft. Raises FieldErrors, ExternalIdTaken."""
    kept, problems = clean_metadata(merge_metadata({}, metadata))
    invoice = Invoice(
        customer=customer,
        currency=currency,
        due_date=due_date,
        external_id=_external_id(external_id),
        metadata=kept,
    )
    rows = _build_lines(invoice, lines)
    _refuse(problems + _field_problems(invoice))
    try:
        with transaction.atomic():
            Invoice.objects.bulk_create([invoice])
    except IntegrityError as error:
        raise ExternalIdTaken(f"An invoice with external_id {external_id} exists.") from error
    InvoiceLine.objects.bulk_create(rows)
    publish(InvoiceCreated(object_id=invoice.public_id, object=representations.invoice(invoice)), actor=actor)
    return invoice


def _external_id(text: str | None) -> str | None:
    try:
        return clean_external_id(text)
    except ValueError as error:
        raise FieldErrors([FieldError("external_id", "invalid", str(error))]) from error


def update_invoice(*, invoice: Invoice, actor: Principal, **fields: Any) -> Invoice:
    """Change the given fields of a draft: `lines` are replaced as a whole, `metadata` merges (null takes a name away).

    Of a finalized invoice only `metadata` can be changed. Raises InvoiceNotDraft, FieldErrors, ExternalIdTaken.
    """
    invoice = lock_invoice(invoice) if fields.keys() == {"metadata"} else lock_draft(invoice)
    before = representations.invoice(invoice)
    lines = fields.pop("lines", None)
    if "metadata" in fields:
        fields["metadata"] = merge_metadata(invoice.metadata, fields["metadata"])
    for name, value in fields.items():
        setattr(invoice, name, value)
    invoice.external_id = _external_id(invoice.external_id)
    invoice.metadata, problems = clean_metadata(invoice.metadata)
    rows = _build_lines(invoice, lines) if lines is not None else []
    _refuse(problems + _field_problems(invoice))
    invoice.updated = clock.now()
    try:
        with transaction.atomic():
            invoice.save()
    except IntegrityError as error:
        raise ExternalIdTaken(f"An invoice with external_id {invoice.external_id} exists.") from error
    if lines is not None:
        InvoiceLine.objects.filter(invoice=invoice).delete()
        InvoiceLine.objects.bulk_create(rows)
    after = representations.invoice(invoice)
    changes = {name: [before[name], after[name]] for name in after if before[name] != after[name]}
    changes.pop("updated", None)
    publish(InvoiceUpdated(object_id=invoice.public_id, object=after, changes=changes), actor=actor)
    return invoice


def delete_invoice(*, invoice: Invoice, actor: Principal) -> None:
    """Delete a draft; it never had a number, so nothing is missing. Raises InvoiceNotDraft."""
    invoice = lock_draft(invoice)
    event = InvoiceDeleted(object_id=invoice.public_id, object=representations.invoice(invoice))
    invoice.delete()
    publish(event, actor=actor)


def lock_invoice(invoice: Invoice) -> Invoice:
    """Return the invoice as it is now, locked until the end of the transaction. Raises NotFound when it was deleted."""
    try:
        locked: Invoice = Invoice.objects.select_for_update(no_key=True).get(id=invoice.id)
    except Invoice.DoesNotExist as error:
        raise NotFound from error
    return locked


def lock_draft(invoice: Invoice) -> Invoice:
    """Return the draft as it is now, locked. Raises InvoiceNotDraft, NotFound."""
    locked = lock_invoice(invoice)
    if locked.status != Invoice.Status.DRAFT:
        raise InvoiceNotDraft(f"The invoice is {locked.status}.", facts={"status": locked.status})
    return locked


def _field_problems(invoice: Invoice) -> list[FieldError]:
    problems = []
    if invoice.currency not in EXPONENTS:
        problems.append(FieldError("currency", "invalid", "Use an ISO 4217 code in capitals, such as EUR."))
    if invoice.due_date is not None and not EARLIEST_DUE <= invoice.due_date <= LATEST_DUE:
        problems.append(FieldError("due_date", "invalid", f"Use a date from {EARLIEST_DUE} to {LATEST_DUE}."))
    if invoice.total > MAX_AMOUNT:
        problems.append(FieldError("lines", "too_large", f"An invoice may come to at most {MAX_AMOUNT}."))
    return problems


def _build_lines(invoice: Invoice, lines: Sequence[Mapping[str, Any]]) -> list[InvoiceLine]:
    """Return the rows of `lines` and set the invoice's totals to their sums."""
    if len(lines) > MAX_LINES:
        raise FieldErrors([FieldError("lines", "too_many", f"At most {MAX_LINES} lines are accepted.")])
    rows, problems = [], []
    for position, line in enumerate(lines):
        values = {**_LINE_DEFAULTS, **line}
        out_of_range = [
            FieldError(
                f"lines.{position}.{name}", "out_of_range", f"Use a whole number from {low} to {high}."
            )
            for name, (low, high) in _RANGES.items()
            if not low <= values[name] <= high
        ]
        if out_of_range:
            problems += out_of_range
            continue
        try:
            amounts = line_amounts(**{name: values[name] for name in _RANGES})
        except ValueError as error:
            problems.append(FieldError(f"lines.{position}", "invalid", str(error)))
            continue
        rows.append(
            InvoiceLine(invoice=invoice, position=position, amount=amounts.amount, tax=amounts.tax, **values)
        )
    _refuse(problems)
    invoice.subtotal = sum(row.amount for row in rows)
    invoice.tax = sum(row.tax for row in rows)
    invoice.total = invoice.subtotal + invoice.tax
    return rows


def _refuse(problems: list[FieldError]) -> None:
    if problems:
        raise FieldErrors(problems)
