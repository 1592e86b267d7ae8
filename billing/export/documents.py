"""Documents of invoices and credit notes: rendered outside any transaction, and cached per process while their state does not change."""

import threading
import uuid
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime

from django.db.models import prefetch_related_objects

from accounts.selectors import current_company
from billing.models import Invoice
from billing.representations import buyer_snapshot, seller_snapshot
from billing.selectors import current_seller, get_credit_note, get_invoice, logo_of
from core.background.heavy import heavy_work
from core.postgres.outside import outside_transactions
from core.tenancy import Tenant, tenant_context

# The total size of the cache of a process; a document has some tens of kilobytes.
MAX_BYTES_KEPT = 33_554_432


@dataclass(frozen=True, slots=True)
class Document:
    """A PDF and its file name."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class _State:
    """Everything an issued document depends on that may still change; its lines may not."""

    tenant: Tenant
    id: uuid.UUID
    status: str
    amounts: tuple[int, ...]
    updated: datetime
    company: str


class DocumentCache:
    """An LRU cache of documents by the state they show."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._documents: OrderedDict[_State, Document] = OrderedDict()
        self.bytes_kept = 0

    def get(self, state: _State) -> Document | None:
        """Return the document if it is cached."""
        with self._lock:
            found = self._documents.get(state)
            if found is not None:
                self._documents.move_to_end(state)
            return found

    def keep(self, state: _State, document: Document) -> None:
        """Cache a document, unless it would evict all others."""
        size = len(document.content)
        with self._lock:
            if size > self._max_bytes // 8 or state in self._documents:
                return
            self._documents[state] = document
            self.bytes_kept += size
            while self.bytes_kept > self._max_bytes:
                _, oldest = self._documents.popitem(last=False)
                self.bytes_kept -= len(oldest.content)


_kept = DocumentCache(MAX_BYTES_KEPT)


def invoice_document(tenant: Tenant, public_id: str) -> Document:
    """Return the document of an invoice of `tenant`; a draft is always rendered again.

    The invoice is always read, in a transaction that has ended when the document is rendered, so a cached document is only returned
    to those who may read the invoice. Raises NotFound; TemporarilyUnavailable when the company already renders too many
    (core.background.heavy).
    """
    with tenant_context(tenant):
        invoice = get_invoice(public_id)
        company = current_company().name
        amounts = (
            invoice.amount_paid,
            invoice.amount_refunded,
            invoice.pre_payment_credit,
            invoice.post_payment_credit,
        )
        state = _State(tenant, invoice.id, invoice.status, amounts, invoice.updated, company)
        document = _kept.get(state)
        if document is not None:
            return document
        prefetch_related_objects([invoice], "lines", "customer")
        # A draft, or an invoice from before sellers were stored, shows the current details.
        seller = invoice.seller or seller_snapshot(current_seller())
        seller = {**seller, "legal_name": seller["legal_name"] or company}
        buyer = invoice.billed_to or buyer_snapshot(invoice.customer)
        logo = logo_of(seller)
    outside_transactions("invoice PDF")
    # Font handling accounts for a sixth of the application's import time, and few processes ever render an invoice.
    from billing.export.invoice_pdf import file_name, render_invoice

    with heavy_work(tenant.company_id):
        document = Document(
            file_name(invoice), render_invoice(invoice, seller=seller, buyer=buyer, logo=logo)
        )
    if invoice.status != Invoice.Status.DRAFT:
        _kept.keep(state, document)
    return document


def credit_note_document(tenant: Tenant, public_id: str) -> Document:
    """Return the document of a credit note of `tenant`, like `invoice_document`. Raises the same errors."""
    with tenant_context(tenant):
        note = get_credit_note(public_id)
        company = current_company().name
        state = _State(tenant, note.id, note.status, (), note.updated, company)
        document = _kept.get(state)
        if document is not None:
            return document
        prefetch_related_objects([note], "invoice", "lines__invoice_line")
        seller = {**note.seller, "legal_name": note.seller["legal_name"] or company}
        logo = logo_of(seller)
    outside_transactions("credit note PDF")
    from billing.export.credit_note_pdf import render_credit_note

    with heavy_work(tenant.company_id):
        document = Document(f"{note.number}.pdf", render_credit_note(note, seller=seller, logo=logo))
    _kept.keep(state, document)
    return document
