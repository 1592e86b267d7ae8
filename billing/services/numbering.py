"""Gapless document numbers, from one counter row per company, mode and kind of document."""

from typing import TypeVar

from billing.models import CreditNoteCounter, InvoiceCounter, Seller
from core.tenancy import require_tenant

CounterT = TypeVar("CounterT", InvoiceCounter, CreditNoteCounter)

_INVOICE, _CREDIT_NOTE, _TEST = "INV", "CN", "TEST"


def next_number(counters: type[CounterT]) -> int:
    """Return the next number. The counter stays locked until the commit, and a rollback releases the number."""
    tenant = require_tenant()
    rows = counters.objects.select_for_update(no_key=True)
    counter = rows.first()
    if counter is None:
        counters.objects.bulk_create(
            [counters(company_id=tenant.company_id, mode=tenant.mode)], ignore_conflicts=True
        )
        counter = rows.get()
    counter.last_number += 1
    counter.save(update_fields=["last_number"])
    return counter.last_number


def invoice_prefix(seller: Seller) -> str:
    """Return the prefix of invoice numbers, which is marked in test mode."""
    return "-".join(_parts(seller) or [_INVOICE])


def credit_note_prefix(seller: Seller) -> str:
    """Return the prefix of credit note numbers: that of invoices, followed by `CN`."""
    return "-".join([*_parts(seller), _CREDIT_NOTE])


def _parts(seller: Seller) -> list[str]:
    return [part for part in ("" if seller.mode == "live" else _TEST, seller.number_prefix) if part]
