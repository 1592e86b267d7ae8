"""Whether an invoice is paid: whatever pays or credits it, or is taken back, ends here.

Each locks the invoice first (core.postgres.locks), so a transfer that is recorded and a charge that is settled at the same moment
take turns at it, and the second one sees what the first one left.
"""

from billing import representations
from billing.events import InvoicePaid, InvoiceReopened
from billing.models import Invoice
from core import clock
from core.events import publish
from core.principal import Principal

_AMOUNTS = ("amount_pending", "amount_paid", "pre_payment_credit", "post_payment_credit")


def settle_invoice(invoice: Invoice, *, actor: Principal) -> None:
    """Save the amounts of a locked invoice, which is paid when nothing is due, and open again when something is.

    Another state stays as it is. Publishes InvoicePaid or InvoiceReopened.
    """
    event: type[InvoicePaid] | type[InvoiceReopened] | None = None
    if invoice.status == Invoice.Status.OPEN and invoice.amount_due == 0:
        invoice.status, invoice.paid_at, event = Invoice.Status.PAID, clock.now(), InvoicePaid
    elif invoice.status == Invoice.Status.PAID and invoice.amount_due > 0:
        invoice.status, invoice.paid_at, event = Invoice.Status.OPEN, None, InvoiceReopened
    invoice.save(update_fields=[*_AMOUNTS, "status", "paid_at", "updated"])
    if event is not None:
        publish(event(object_id=invoice.public_id, object=representations.invoice(invoice)), actor=actor)
