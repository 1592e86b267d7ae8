"""Issues credit notes, by line or by amount, and voids them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import Sum

from billing import representations
from billing.events import CreditNoteCreated, CreditNoteVoided
from billing.models import (
    CreditNote,
    CreditNoteCounter,
    CreditNoteLine,
    Customer,
    Invoice,
    InvoiceLine,
    Refund,
)
from billing.money import LineCredit, LineRemainder, credit_amounts, credit_total, half_up
from billing.selectors import current_seller
from billing.services.errors import (
    CreditExceedsInvoice,
    CreditNoteIncomplete,
    CreditNoteNotVoidable,
    InvoiceNotCreditable,
)
from billing.services.invoices import lines_of, lock_invoice
from billing.services.legal import check_document
from billing.services.numbering import credit_note_prefix, next_number
from billing.services.settling import settle_invoice
from core import clock
from core.errors import FieldError, FieldErrors
from core.events import publish
from core.principal import Principal
from core.values.currencies import money_text
from core.values.metadata import clean_metadata
from core.values.texts import clean_name, clean_text

MAX_MEMO = 1000
MAX_REASON = 300
_CREDITABLE = (Invoice.Status.OPEN, Invoice.Status.PAID)


@dataclass(frozen=True, slots=True)
class Left:
    """A line of an invoice, and what is still creditable on it."""

    line: InvoiceLine
    amount: int
    tax: int
    quantity: Decimal


def create_credit_note(
    *,
    invoice: Invoice,
    actor: Principal,
    lines: Sequence[Mapping[str, Any]] | None = None,
    amount: int | None = None,
    full: bool = False,
    reason: str | None = None,
    memo: str | None = None,
    metadata: Mapping[str, str] | None = None,
    refund: Refund | None = None,
) -> CreditNote:
    """Credit part of an invoice, or with `full` everything that is left of it.

    Each of `lines` has the id of an `invoice_line`, and a `quantity` or an `amount` (including tax if prices do). `amount` is a
    total including tax, distributed over the lines. The credit reduces the amount due first; the rest had been paid and is to
    be returned. With a `refund`, which returns it, all of the credit had been paid.

    Raises FieldErrors, InvoiceNotCreditable, CreditExceedsInvoice; CreditNoteIncomplete for legally required details missing
    from either party, which for a test invoice is only a warning; ValueError unless one of lines, amount and full is given.
    """
    if [lines is not None, amount is not None, full].count(True) != 1:
        raise ValueError("A credit note is for lines, an amount, or everything that is left.")
    kept, problems = clean_metadata(metadata)
    if reason and reason not in CreditNote.Reason.values:
        problems.append(FieldError("reason", "invalid", f"Use one of {', '.join(CreditNote.Reason.values)}."))
    text = ""
    try:
        text = clean_text(memo or "", longest=MAX_MEMO)
    except ValueError as error:
        problems.append(FieldError("memo", "invalid", str(error)))
    _refuse(problems)
    invoice = lock_invoice(invoice)
    _check_status(invoice)
    left = creditable_lines(invoice)
    if lines is not None:
        taken, quantities = _by_lines(invoice, left, lines)
    else:
        taken, quantities = _by_total(invoice, left, None if full else amount)
    net, tax = sum(each.amount for each in taken), sum(each.tax for each in taken)
    subtotal = net - tax if invoice.prices_include_tax else net
    before, after = _split(invoice, subtotal + tax, is_given_back=refund is not None)
    seller = current_seller()
    issued_by = representations.seller_snapshot(seller)
    billed_to = representations.buyer_snapshot(Customer.objects.get(id=invoice.customer_id))
    warnings = check_document(
        seller=issued_by,
        buyer=billed_to,
        written={"memo": text},
        mode=invoice.mode,
        refusal=CreditNoteIncomplete,
    )
    sequence = next_number(CreditNoteCounter)
    note: CreditNote = CreditNote.objects.create(
        invoice=invoice,
        refund=refund,
        sequence=sequence,
        number=f"{credit_note_prefix(seller)}-{sequence:06d}",
        reason=reason or "",
        memo=text,
        metadata=kept,
        seller=issued_by,
        billed_to=billed_to,
        warnings=warnings,
        subtotal=subtotal,
        tax=tax,
        total=subtotal + tax,
        pre_payment_amount=before,
        post_payment_amount=after,
    )
    CreditNoteLine.objects.bulk_create(
        CreditNoteLine(
            credit_note=note,
            invoice_line=each.line,
            position=each.line.position,
            quantity=quantity,
            amount=credit.amount,
            tax=credit.tax,
        )
        for each, credit, quantity in zip(left, taken, quantities, strict=True)
        if credit.amount or credit.tax
    )
    publish(
        CreditNoteCreated(object_id=note.public_id, object=representations.credit_note(note)), actor=actor
    )
    invoice.pre_payment_credit += before
    invoice.post_payment_credit += after
    invoice.updated = clock.now()
    settle_invoice(invoice, actor=actor)
    return note


def void_credit_note(*, credit_note: CreditNote, actor: Principal, reason: str | None = None) -> CreditNote:
    """Void a credit note: it keeps its number, and the invoice's amount due is restored.

    Raises FieldErrors, CreditNoteNotVoidable.
    """
    if reason:
        try:
            reason = clean_name(reason, longest=MAX_REASON)
        except ValueError as error:
            raise FieldErrors([FieldError("reason", "invalid", str(error))]) from error
    invoice = lock_invoice(credit_note.invoice)
    note = CreditNote.objects.select_for_update(no_key=True, of=("self",)).get(id=credit_note.id)
    note.invoice = invoice
    check_void_credit_note(note)
    now = clock.now()
    note.status, note.voided_at, note.void_reason, note.updated = (
        CreditNote.Status.VOID,
        now,
        reason or "",
        now,
    )
    note.save(update_fields=["status", "voided_at", "void_reason", "updated"])
    publish(
        CreditNoteVoided(
            object_id=note.public_id,
            object=representations.credit_note(note),
            detail={"reason": reason} if reason else {},
        ),
        actor=actor,
    )
    invoice.pre_payment_credit -= note.pre_payment_amount
    invoice.post_payment_credit -= note.post_payment_amount
    invoice.updated = now
    settle_invoice(invoice, actor=actor)
    return note


def check_credit(invoice: Invoice) -> None:
    """Raise InvoiceNotCreditable, CreditExceedsInvoice for an invoice that cannot be credited."""
    _check_status(invoice)
    if not invoice.amount_creditable:
        raise _exceeds(invoice, 0)


def _check_status(invoice: Invoice) -> None:
    if invoice.status not in _CREDITABLE:
        raise InvoiceNotCreditable(f"The invoice is {invoice.status}.", facts={"status": invoice.status})


def check_void_credit_note(note: CreditNote) -> None:
    """Raise CreditNoteNotVoidable."""
    if note.status == CreditNote.Status.VOID:
        raise CreditNoteNotVoidable("The credit note is already void.")
    if note.refund is not None and note.refund.status != Refund.Status.FAILED:
        raise CreditNoteNotVoidable("Its refund has returned the money, or is about to.")
    if note.pre_payment_amount and note.invoice.status not in _CREDITABLE:
        raise CreditNoteNotVoidable(f"The invoice is {note.invoice.status}.")


def creditable_lines(invoice: Invoice) -> list[Left]:
    """Return the lines of an invoice, in order, with the amount of each not yet credited by credit notes that are not void."""
    taken = {
        row["invoice_line_id"]: row
        for row in CreditNoteLine.objects.filter(
            credit_note__invoice=invoice, credit_note__status=CreditNote.Status.ISSUED
        )
        .values("invoice_line_id")
        .annotate(amounts=Sum("amount"), taxes=Sum("tax"), quantities=Sum("quantity"))
    }
    nothing = {"amounts": 0, "taxes": 0, "quantities": None}
    return [
        Left(
            line,
            line.amount - line.discount_share - (row["amounts"] or 0),
            line.tax - (row["taxes"] or 0),
            line.quantity - (row["quantities"] or 0),
        )
        for line in lines_of(invoice)
        for row in [taken.get(line.id, nothing)]
    ]


def _by_total(
    invoice: Invoice, left: Sequence[Left], amount: int | None
) -> tuple[list[LineCredit], list[Decimal | None]]:
    lines = _amounts_left(left)
    whole = sum(each.amount for each in left) + (
        0 if invoice.prices_include_tax else sum(each.tax for each in left)
    )
    wanted = whole if amount is None else amount
    if not 0 < wanted <= whole:
        raise _exceeds(invoice, whole)
    return credit_total(lines, wanted, prices_include_tax=invoice.prices_include_tax), [None] * len(left)


def _by_lines(
    invoice: Invoice, left: Sequence[Left], wanted: Sequence[Mapping[str, Any]]
) -> tuple[list[LineCredit], list[Decimal | None]]:
    places = {each.line.public_id: place for place, each in enumerate(left)}
    amounts, quantities = [0] * len(left), [None] * len(left)  # type: list[int], list[Decimal | None]
    problems: list[FieldError] = []
    seen: set[int] = set()
    for number, line in enumerate(wanted):
        place = places.get(line["invoice_line"])
        if place is None:
            text = "The invoice has no such line."
            problems.append(FieldError(f"lines.{number}.invoice_line", "not_found", text))
        elif place in seen:
            text = "This line appears more than once."
            problems.append(FieldError(f"lines.{number}.invoice_line", "duplicate", text))
        else:
            seen.add(place)
            amounts[place], quantities[place], problem = _of_line(invoice, left[place], line)
            if problem:
                problems.append(FieldError(f"lines.{number}.{problem[0]}", "too_large", problem[1]))
    _refuse(problems)
    if not sum(amounts):
        raise FieldErrors([FieldError("lines", "required", "The credit note amounts to nothing.")])
    found = credit_amounts(_amounts_left(left), amounts, prices_include_tax=invoice.prices_include_tax)
    return found, quantities


def _of_line(
    invoice: Invoice, left: Left, wanted: Mapping[str, Any]
) -> tuple[int, Decimal | None, tuple[str, str] | None]:
    """Return the credit for a line, and the errors with their fields."""
    quantity, amount = wanted.get("quantity"), wanted.get("amount")
    if quantity is None:
        amount = left.amount if amount is None else amount
        if amount > left.amount:
            text = f"{money_text(left.amount, invoice.currency)} of this line can be credited."
            return 0, None, ("amount", text)
        return amount, None, None
    if quantity > left.quantity:
        return 0, None, ("quantity", f"{left.quantity.normalize():f} of this line can be credited.")
    if quantity == left.quantity:
        return left.amount, quantity, None
    whole = left.line.amount - left.line.discount_share
    share = half_up(whole * int(quantity.scaleb(6)), int(left.line.quantity.scaleb(6)))
    return min(share, left.amount), quantity, None


def _amounts_left(left: Sequence[Left]) -> list[LineRemainder]:
    return [LineRemainder(each.line.tax_rate_bps, each.amount, each.tax) for each in left]


def _split(invoice: Invoice, total: int, *, is_given_back: bool) -> tuple[int, int]:
    """Split a credit into the part that reduces the amount due and the part that had been paid. Raises CreditExceedsInvoice."""
    most = invoice.amount_paid - invoice.post_payment_credit if is_given_back else invoice.amount_creditable
    if not 0 < total <= most:
        raise _exceeds(invoice, most)
    before = 0 if is_given_back else min(total, invoice.amount_chargeable)
    return before, total - before


def _exceeds(invoice: Invoice, most: int) -> CreditExceedsInvoice:
    most = min(most, invoice.amount_creditable)
    text = f"{money_text(most, invoice.currency)} of this invoice can be credited."
    return CreditExceedsInvoice(text, facts={"amount_creditable": most})


def _refuse(problems: list[FieldError]) -> None:
    if problems:
        raise FieldErrors(problems)
