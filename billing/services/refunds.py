"""Creates refunds and records their outcomes."""

from collections.abc import Mapping

from billing import representations
from billing.events import RefundCreated, RefundFailed, RefundSucceeded
from billing.gateways import Outcome, gateway_named, gateway_names
from billing.models import Charge, CreditNote, Refund
from billing.services.charges import COMPLETE_TASK
from billing.services.credit_notes import create_credit_note, void_credit_note
from billing.services.errors import ChargeNotRefundable, RefundExceedsCharge
from billing.services.invoices import lock_invoice
from billing.services.settling import record_outcome
from core.background import jobs
from core.errors import FieldError, FieldErrors
from core.events import publish
from core.principal import Principal
from core.values.currencies import money_text
from core.values.metadata import clean_metadata

REFUND_FAILED = "The refund failed."


def create_refund(
    *,
    charge: Charge,
    actor: Principal,
    amount: int | None = None,
    full: bool = False,
    reason: str | None = None,
    metadata: Mapping[str, str] | None = None,
    credit_note: bool = False,
) -> Refund:
    """Create a refund of `amount`, or with `full` of the remaining amount; a worker submits it after the commit.

    With `credit_note`, the charge's invoice is credited by the same amount; that credit note is voided if the refund fails.
    Raises FieldErrors, ChargeNotRefundable, RefundExceedsCharge, and what create_credit_note raises; ValueError when neither
    or both of amount and full are given.
    """
    if (amount is not None) == full:
        raise ValueError("A refund is for an amount, or for everything that is left.")
    kept, problems = clean_metadata(metadata)
    if reason and reason not in Refund.Reason.values:
        problems.append(FieldError("reason", "invalid", f"Use one of {', '.join(Refund.Reason.values)}."))
    if credit_note and charge.invoice_id is None:
        text = "The charge has no invoice that could be credited."
        problems.append(FieldError("credit_note", "no_invoice", text))
    if problems:
        raise FieldErrors(problems)
    invoice = lock_invoice(charge.invoice) if credit_note and charge.invoice is not None else None
    charge = Charge.objects.select_for_update(no_key=True).get(id=charge.id)
    amount = charge.amount_refundable if amount is None else amount
    check_refund(charge, amount)
    if problem := gateway_named(charge.gateway).amount_problem(amount, charge.currency):
        raise FieldErrors([FieldError("amount", "unsupported", problem)])
    refund: Refund = Refund.objects.create(
        charge=charge, amount=amount, gateway=charge.gateway, reason=reason or "", metadata=kept
    )
    charge.amount_refund_pending += amount
    charge.save(update_fields=["amount_refund_pending"])
    if invoice is not None:
        create_credit_note(
            invoice=invoice,
            actor=actor,
            amount=amount,
            reason=_CREDIT_REASONS.get(refund.reason),
            refund=refund,
        )
    publish(RefundCreated(object_id=refund.public_id, object=representations.refund(refund)), actor=actor)
    jobs.enqueue(COMPLETE_TASK)
    return refund


# The credit note's reason for each refund reason.
_CREDIT_REASONS: dict[str, str] = {
    Refund.Reason.DUPLICATE: CreditNote.Reason.DUPLICATE,
    Refund.Reason.FRAUDULENT: CreditNote.Reason.FRAUDULENT,
    Refund.Reason.OTHER: CreditNote.Reason.OTHER,
}


def check_refund(charge: Charge, amount: int = 1) -> None:
    """Raise ChargeNotRefundable, RefundExceedsCharge for an amount that cannot be refunded."""
    if charge.status != Charge.Status.SUCCEEDED:
        raise ChargeNotRefundable(f"The charge is {charge.status}.", facts={"status": charge.status})
    if charge.gateway not in gateway_names():
        raise ChargeNotRefundable(
            f"The gateway that took this charge ({charge.gateway}) is no longer configured."
        )
    refundable = charge.amount_refundable
    if not 0 < amount <= refundable:
        raise RefundExceedsCharge(
            f"{money_text(refundable, charge.currency)} of this charge can be refunded.",
            facts={"amount_refundable": refundable},
        )


def settle_refund(*, refund: Refund, outcome: Outcome, actor: Principal) -> Refund:
    """Record the gateway's definitive outcome; a refund that was settled meanwhile is left unchanged.

    The invoice is locked before the charge, as everywhere (services/settling.py).
    """
    if refund.charge.invoice is not None:
        lock_invoice(refund.charge.invoice)
    charge = Charge.objects.select_for_update(no_key=True).get(id=refund.charge_id)
    refund = Refund.objects.select_for_update(no_key=True).get(id=refund.id)
    if refund.status != Refund.Status.PENDING:
        return refund
    record_outcome(refund, outcome)
    charge.amount_refund_pending -= refund.amount
    if outcome.succeeded:
        charge.amount_refunded += refund.amount
        charge.updated = refund.updated
    charge.save(update_fields=["amount_refund_pending", "amount_refunded", "updated"])
    event = RefundSucceeded if outcome.succeeded else RefundFailed
    publish(event(object_id=refund.public_id, object=representations.refund(refund)), actor=actor)
    if not outcome.succeeded:
        for note in refund.credit_notes.filter(status=CreditNote.Status.ISSUED):
            void_credit_note(credit_note=note, actor=actor, reason=REFUND_FAILED)
    return refund
