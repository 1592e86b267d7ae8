"""Records payments made outside the gateway, and undoes them with a reason."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from billing import representations
from billing.events import PaymentRecorded, PaymentUndone
from billing.models import Invoice, OffPlatformPayment
from billing.services.errors import (
    InvoiceIsDraft,
    InvoiceNotOpen,
    PaymentExceedsAmountDue,
    PaymentNotUndoable,
)
from billing.services.invoices import EARLIEST_DAY, check_open, lock_invoice
from billing.services.settling import settle_invoice
from core import clock
from core.errors import FieldError, FieldErrors
from core.events import publish
from core.principal import Principal
from core.values.currencies import money_text
from core.values.metadata import clean_metadata
from core.values.texts import clean_name

MAX_REFERENCE = 140
MAX_REASON = 300
# A caller's "today" may be ahead of UTC.
_TOLERANCE = timedelta(days=1)


def record_payment(
    *,
    invoice: Invoice,
    actor: Principal,
    method: str,
    amount: int,
    paid_at: datetime | None = None,
    reference: str | None = None,
    metadata: Mapping[str, str] | None = None,
) -> OffPlatformPayment:
    """Record a payment for an open invoice, in minor units of its currency, received now by default.

    The invoice is paid once nothing is due. Raises FieldErrors, InvoiceIsDraft, InvoiceNotOpen, PaymentExceedsAmountDue.
    """
    now = clock.now()
    kept, problems = clean_metadata(metadata)
    if method not in OffPlatformPayment.Methods.values:
        known = ", ".join(OffPlatformPayment.Methods.values)
        problems.append(FieldError("method", "invalid", f"Use one of {known}."))
    moment = paid_at or now
    if not datetime(EARLIEST_DAY.year, 1, 1, tzinfo=UTC) <= moment <= now + _TOLERANCE:
        text = f"Use a time between {EARLIEST_DAY.year} and now."
        problems.append(FieldError("paid_at", "out_of_range", text))
    text_kept = ""
    if reference:
        try:
            text_kept = clean_name(reference, longest=MAX_REFERENCE)
        except ValueError as error:
            problems.append(FieldError("reference", "invalid", str(error)))
    if amount < 1:
        problems.append(FieldError("amount", "out_of_range", "Use an amount above 0."))
    if problems:
        raise FieldErrors(problems)
    invoice = lock_invoice(invoice)
    check_record(invoice, amount)
    payment: OffPlatformPayment = OffPlatformPayment.objects.create(
        invoice=invoice, method=method, amount=amount, paid_at=moment, reference=text_kept, metadata=kept
    )
    publish(
        PaymentRecorded(object_id=payment.public_id, object=representations.payment(payment)), actor=actor
    )
    invoice.amount_paid += amount
    invoice.updated = now
    settle_invoice(invoice, actor=actor)
    return payment


def check_record(invoice: Invoice, amount: int = 1) -> None:
    """Raise InvoiceIsDraft, InvoiceNotOpen, PaymentExceedsAmountDue for a payment that cannot be recorded."""
    if invoice.status == Invoice.Status.DRAFT:
        raise InvoiceIsDraft("The invoice is a draft.")
    check_open(invoice)
    left = invoice.amount_chargeable
    if amount > left:
        pending = " The rest is being charged right now." if invoice.amount_pending else ""
        raise PaymentExceedsAmountDue(
            f"{money_text(left, invoice.currency)} can be recorded for this invoice.{pending}",
            facts={"amount_chargeable": left},
        )


def undo_payment(*, payment: OffPlatformPayment, actor: Principal, reason: str) -> OffPlatformPayment:
    """Undo a recorded payment; an invoice that it had paid is reopened.

    Raises FieldErrors without a reason, PaymentNotUndoable, InvoiceNotOpen for an invoice that was written off since.
    """
    try:
        reason = clean_name(reason, longest=MAX_REASON)
    except ValueError as error:
        raise FieldErrors([FieldError("reason", "invalid", str(error))]) from error
    invoice = lock_invoice(payment.invoice)
    payment = OffPlatformPayment.objects.select_for_update(no_key=True).get(id=payment.id)
    payment.invoice = invoice
    check_undo(payment)
    now = clock.now()
    payment.undone_at, payment.undo_reason, payment.updated = now, reason, now
    payment.save(update_fields=["undone_at", "undo_reason", "updated"])
    publish(
        PaymentUndone(
            object_id=payment.public_id, object=representations.payment(payment), detail={"reason": reason}
        ),
        actor=actor,
    )
    invoice.amount_paid -= payment.amount
    invoice.updated = now
    settle_invoice(invoice, actor=actor)
    return payment


def check_undo(payment: OffPlatformPayment) -> None:
    """Raise PaymentNotUndoable, InvoiceNotOpen."""
    invoice = payment.invoice
    if payment.undone_at is not None:
        raise PaymentNotUndoable("The payment has already been undone.")
    if invoice.status not in (Invoice.Status.OPEN, Invoice.Status.PAID):
        raise InvoiceNotOpen(f"The invoice is {invoice.status}.", facts={"status": invoice.status})
    if invoice.amount_paid - payment.amount < invoice.post_payment_credit:
        credited = money_text(invoice.post_payment_credit, invoice.currency)
        raise PaymentNotUndoable(f"{credited} of what was paid has been credited.")
