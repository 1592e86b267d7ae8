"""Records gateway outcomes and settles invoices: every payment, credit and reversal ends here.

Callers lock the invoice first (core.postgres.locks), so concurrent payments, such as a recorded transfer and a settled charge,
are serialized, and the second sees the result of the first.
"""

from billing import representations
from billing.events import InvoicePaid, InvoiceReopened
from billing.gateways import Outcome
from billing.models import Charge, Invoice, Refund
from billing.models.charges import PaymentStatus
from core import clock
from core.events import publish
from core.principal import Principal

_AMOUNTS = ("amount_pending", "amount_paid", "pre_payment_credit", "post_payment_credit")


def record_outcome(payment: Charge | Refund, outcome: Outcome) -> None:
    """Save the gateway's definitive outcome on a locked, pending charge or refund."""
    now = clock.now()
    payment.status = PaymentStatus.SUCCEEDED if outcome.succeeded else PaymentStatus.FAILED
    payment.failure_code, payment.failure_message = outcome.failure_code, outcome.failure_message
    payment.gateway_reference = outcome.reference
    payment.due_at, payment.settled_at, payment.updated = None, now, now
    payment.save()


def settle_invoice(invoice: Invoice, *, actor: Principal) -> None:
    """Save the amounts of a locked invoice, marking it paid when nothing is due, and reopening it when something is.

    Other states are left unchanged. Publishes InvoicePaid or InvoiceReopened.
    """
    event: type[InvoicePaid] | type[InvoiceReopened] | None = None
    if invoice.status == Invoice.Status.OPEN and invoice.amount_due == 0:
        invoice.status, invoice.paid_at, event = Invoice.Status.PAID, clock.now(), InvoicePaid
    elif invoice.status == Invoice.Status.PAID and invoice.amount_due > 0:
        invoice.status, invoice.paid_at, event = Invoice.Status.OPEN, None, InvoiceReopened
    invoice.save(update_fields=[*_AMOUNTS, "status", "paid_at", "updated"])
    if event is not None:
        publish(event(object_id=invoice.public_id, object=representations.invoice(invoice)), actor=actor)
