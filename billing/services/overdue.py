"""Invoices that are overdue: said once of each, on the day after it was due."""

import uuid
from collections.abc import Iterator
from datetime import date, datetime

from billing import representations
from billing.events import InvoiceOverdue
from billing.models import Invoice
from billing.services.invoices import lock_invoice
from core.background import set_aside
from core.errors import NotFound
from core.events import publish
from core.principal import Principal
from core.tenancy import system_context, tenant_context

ACTOR = Principal.system("billing.notice_overdue")
BATCH_NAME = "billing.notice_overdue"
BATCH = 200


def notice_overdue(*, now: datetime) -> int:
    """Publish InvoiceOverdue for what is open after the day on which it was due (UTC); returns how many were found.

    Each invoice is taken in a transaction of its own, locked, and looked at again there, so neither a second worker nor a
    payment that comes in at the same moment makes it say so wrongly or twice.
    """
    today = now.date()

    def note(invoice: Invoice) -> None:
        with tenant_context(invoice.tenant):
            try:
                found = lock_invoice(invoice)
            except NotFound:
                return
            if found.overdue_at is not None or not found.is_overdue(today):
                return
            found.overdue_at = now
            found.save(update_fields=["overdue_at"])
            event = InvoiceOverdue(object_id=found.public_id, object=representations.invoice(found))
            publish(event, actor=ACTOR)

    return sum(
        set_aside.each(BATCH_NAME, rows, note, identify=lambda row: (row.public_id, row.id))
        for rows in _batches(today, now)
    )


def _batches(today: date, now: datetime) -> Iterator[list[Invoice]]:
    """Yield what is overdue and not said yet, a batch at a time, as long as there is any that does not rest."""
    tried: set[uuid.UUID] = set()
    while True:
        with system_context(reason="invoices that have become overdue"):
            due = Invoice.objects.filter(status=Invoice.Status.OPEN, overdue_at=None, due_date__lt=today)
            resting = {*set_aside.resting(BATCH_NAME, now=now), *tried}
            rows = list(due.exclude(id__in=resting).order_by("due_date", "id")[:BATCH])
        if not rows:
            return
        tried |= {row.id for row in rows}
        yield rows
