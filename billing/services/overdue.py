"""Publishes an event for each overdue invoice, once, on the day after its due date."""

from collections.abc import Iterator
from datetime import date, datetime

from django.db.models import Q

from billing import representations
from billing.events import InvoiceOverdue
from billing.models import Invoice
from billing.services.invoices import lock_invoice
from core.background import set_aside
from core.errors import NotFound
from core.events import publish
from core.principal import Principal
from core.tenancy import system_context, tenant_context

ACTOR = Principal.system("billing.detect_overdue")
BATCH_NAME = "billing.detect_overdue"
BATCH = 200
# Per sweep. After an upgrade with years of old invoices, they are all published, some at each sweep.
MAX_BATCHES = 50


def detect_overdue(*, now: datetime) -> int:
    """Publish InvoiceOverdue for invoices still open after their due date (UTC); return how many were checked.

    Processes at most `MAX_BATCHES` batches, oldest due date first, and leaves the rest to the next sweep. An invoice that
    fails is set aside.

    Each invoice is locked and re-checked in its own transaction, so that neither a second worker nor a concurrent payment can
    cause a wrong or duplicate event.
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
    """Yield batches of overdue invoices that are neither published yet nor set aside, using keyset pagination."""
    with system_context(reason="invoices that rest"):
        resting = set_aside.resting(BATCH_NAME, now=now)
    due = Invoice.objects.filter(status=Invoice.Status.OPEN, overdue_at=None, due_date__lt=today)
    due = due.exclude(id__in=resting).order_by("due_date", "id")
    rows = due
    for _ in range(MAX_BATCHES):
        with system_context(reason="invoices that have become overdue"):
            batch = list(rows[:BATCH])
        if not batch:
            return
        yield batch
        last = batch[-1]
        rows = due.filter(Q(due_date__gt=last.due_date) | Q(due_date=last.due_date, id__gt=last.id))
