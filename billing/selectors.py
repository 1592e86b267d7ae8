"""Queries of billing's objects, all in the current tenant."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time
from typing import Any

from django.db.models import QuerySet

from billing.models import (
    Charge,
    CreditNote,
    Customer,
    CustomerMetadata,
    CustomerSearchWord,
    Invoice,
    InvoiceLink,
    OffPlatformPayment,
    Refund,
    Seller,
    SellerLogo,
    TierRequest,
)
from billing.search import MAX_QUERY_WORDS, split_words
from core import clock
from core.models import OutboxEvent
from core.postgres.orders import NEWEST
from core.security.crypto import sha256_hex
from core.tenancy import referring_to, system_context
from core.values import ids
from core.values.email_addresses import InvalidEmail, parse_email
from core.values.texts import normalize

# The last code point: the end of the range of words with a given prefix under the collation "C".
_LAST = "\U0010ffff"
# 32 random bytes in URL-safe Base64 are 43 characters; much longer secrets cannot be ours.
MAX_LINK_TOKEN = 64

# The sort columns of lists, in the API and on the dashboard, served by the tenant's indexes.
CUSTOMER_SORT = {"name": "name"}
INVOICE_SORT = {"due_date": "due_date"}


def list_customers() -> QuerySet[Customer]:
    """Return the customers that are not deleted."""
    return Customer.objects.filter(deleted_at=None)


def get_customer(public_id: str) -> Customer:
    """Return the customer. Raises NotFound if it is missing, deleted or belongs to another tenant."""
    return Customer.by_public_id(public_id, among=list_customers())


def email_spelling(text: str) -> str:
    """Return the normalized form in which customers' emails are compared; an invalid email matches nothing."""
    try:
        return parse_email(text).lower()
    except InvalidEmail:
        return text.lower()


def with_metadata(queryset: QuerySet[Customer], key: str, value: str | None = None) -> QuerySet[Customer]:
    """Filter customers by metadata: those that have `key` (with `value`, if given)."""
    entries = CustomerMetadata.objects.filter(key=normalize(key))
    if value is not None:
        entries = entries.filter(value=normalize(value))
    return queryset.filter(id__in=entries.values("customer_id"))


def matching_words(queryset: QuerySet[Customer], text: str) -> QuerySet[Customer]:
    """Filter customers by words: each word of `text` must be a prefix of a word in name, email, phone or external_id.

    Addresses with international domains are stored in ASCII, and so are searched for in ASCII.
    """
    pieces = [email_spelling(piece) if "@" in piece else piece for piece in text.split()]
    words = sorted(split_words(*pieces))[:MAX_QUERY_WORDS]
    if not words:
        return queryset.none()
    for word in words:
        found = CustomerSearchWord.objects.filter(word__gte=word, word__lt=word + _LAST)
        queryset = queryset.filter(id__in=found.values("customer_id"))
    return queryset


def filter_customers(
    *,
    search: str = "",
    created_after: date | None = None,
    metadata_key: str = "",
    metadata_value: str = "",
) -> QuerySet[Customer]:
    """Return the customers that match the filters; a metadata value requires its key."""
    rows = list_customers()
    if search:
        rows = matching_words(rows, search)
    if metadata_key:
        rows = with_metadata(rows, metadata_key, metadata_value or None)
    if created_after:
        rows = rows.filter(**_created_from(created_after))
    return rows


def current_seller() -> Seller:
    """Return the current tenant's details on invoices; an unsaved blank row if there are none."""
    found: Seller | None = Seller.objects.select_related("logo").first()
    return found or Seller.objects.all().in_tenant([Seller()])[0]


def logo_of(seller: dict[str, Any]) -> SellerLogo | None:
    """Return the logo of a seller snapshot, or None."""
    named = seller.get("logo")
    found: SellerLogo | None = SellerLogo.objects.get(id=ids.decode("logo", named)) if named else None
    return found


def list_invoices(*, with_lines: bool = True) -> QuerySet[Invoice]:
    """Return all invoices, by default with their lines."""
    return Invoice.objects.prefetch_related(*(["lines"] if with_lines else []))


def filter_invoices(
    *,
    number: str = "",
    status: str = "",
    customer: str = "",
    created_after: date | None = None,
    due_before: date | None = None,
    overdue: bool | None = None,
) -> QuerySet[Invoice]:
    """Return the invoices that match the filters, without lines; `customer` is a TypeID (an unknown one matches nothing)."""
    rows = list_invoices(with_lines=False)
    if number:
        rows = rows.filter(number=number.strip().upper())
    if status:
        rows = rows.filter(status=status)
    if customer:
        rows = referring_to(rows, "customer", customer)
    if created_after:
        rows = rows.filter(**_created_from(created_after))
    if due_before:
        rows = rows.filter(due_date__lt=due_before)
    return rows if overdue is None else by_overdue(rows, overdue)


def by_overdue(rows: QuerySet[Invoice], overdue: bool) -> QuerySet[Invoice]:
    """Filter invoices: those open after their due date (UTC), or all others."""
    today = clock.now().date()
    if overdue:
        return rows.filter(status=Invoice.Status.OPEN, due_date__lt=today)
    return rows.exclude(status=Invoice.Status.OPEN, due_date__lt=today, due_date__isnull=False)


def _created_from(day: date) -> dict[str, Any]:
    """Return the condition for rows created on `day` (UTC) or later, as a range of IDs, which is indexed."""
    moment = datetime.combine(day, time.min, tzinfo=UTC)
    return {"created__gte": moment, "id__gte": ids.first_id(moment, shift_seconds=-ids.ID_MARGIN_SECONDS)}


def get_invoice(public_id: str, *, lock: bool = False) -> Invoice:
    """Return the invoice, locked until the end of the transaction on request. Raises NotFound."""
    return Invoice.by_public_id(
        public_id, among=Invoice.objects.select_for_update(no_key=True) if lock else None
    )


def count_links(invoice: Invoice) -> int:
    """Return the number of active links to an invoice."""
    return InvoiceLink.objects.filter(invoice=invoice, revoked_at=None).count()


def find_link(token: str) -> InvoiceLink | None:
    """Return the link with this secret, of any company; None if it is unknown or revoked.

    Links of a suspended company, or one awaiting approval, do not work: a company that staff have stopped must not continue to
    collect money on this platform's own pages.
    """
    if len(token) > MAX_LINK_TOKEN or not token.isascii():
        return None
    with system_context(reason="an invoice's link says whose it is"):
        working = InvoiceLink.objects.filter(revoked_at=None, company__suspended_at=None)
        return working.filter(token_hash=sha256_hex(token.encode())).first()


def list_charges() -> QuerySet[Charge]:
    """Return every charge with its disputes."""
    return Charge.objects.prefetch_related("disputes")


def open_checkout_of(invoice: Invoice) -> Charge | None:
    """Return the open charge on the gateway's page, if any; there is at most one."""
    return Charge.objects.filter(
        invoice=invoice, status=Charge.Status.PENDING, checkout_expires_at__isnull=False
    ).first()


def last_checkout_of(invoice: Invoice) -> Charge | None:
    """Return the latest charge on the gateway's page, open or not."""
    return Charge.objects.filter(invoice=invoice, checkout_expires_at__isnull=False).order_by(NEWEST).first()


def list_charges_of(invoice: Invoice) -> QuerySet[Charge]:
    """Return the charges of an invoice with their refunds."""
    return Charge.objects.filter(invoice=invoice).prefetch_related("refunds")


def filter_charges(
    *, status: str = "", customer: str = "", invoice: str = "", created_after: date | None = None
) -> QuerySet[Charge]:
    """Return the charges that match the filters, with their invoices and customers.

    `customer` is a TypeID (an unknown one matches nothing); `invoice` is "none" for charges without an invoice.
    """
    rows: QuerySet[Charge] = Charge.objects.select_related("invoice", "customer")
    if status:
        rows = rows.filter(status=status)
    if customer:
        rows = referring_to(rows, "customer", customer)
    if invoice == "none":
        rows = rows.filter(invoice=None)
    if created_after:
        rows = rows.filter(**_created_from(created_after))
    return rows


def get_charge(public_id: str) -> Charge:
    """Return the charge. Raises NotFound."""
    return Charge.by_public_id(public_id)


def list_refunds(charge: Charge | None = None) -> QuerySet[Refund]:
    """Return all refunds, or those of a charge, with their charges and credit notes."""
    rows = Refund.objects.select_related("charge").prefetch_related("credit_notes")
    return rows if charge is None else rows.filter(charge=charge)


def get_refund(public_id: str) -> Refund:
    """Return the refund. Raises NotFound."""
    return Refund.by_public_id(public_id)


def list_payments(invoice: Invoice | None = None) -> QuerySet[OffPlatformPayment]:
    """Return all payments received outside the gateway, or those of an invoice."""
    rows = OffPlatformPayment.objects.select_related("invoice")
    return rows if invoice is None else rows.filter(invoice=invoice)


def get_payment(public_id: str) -> OffPlatformPayment:
    """Return the payment. Raises NotFound."""
    return OffPlatformPayment.by_public_id(public_id)


def list_credit_notes(invoice: Invoice | None = None, *, with_lines: bool = True) -> QuerySet[CreditNote]:
    """Return all credit notes, or those of an invoice, by default with their lines."""
    rows = CreditNote.objects.select_related("invoice")
    if with_lines:
        rows = rows.prefetch_related("lines__invoice_line")
    return rows if invoice is None else rows.filter(invoice=invoice)


def get_credit_note(public_id: str) -> CreditNote:
    """Return the credit note. Raises NotFound."""
    return CreditNote.by_public_id(public_id)


def list_timeline_events(object_ids: Iterable[str], limit: int = 50) -> list[OutboxEvent]:
    """Return the newest events of these objects, for the timeline of a page."""
    return list(OutboxEvent.objects.filter(object_id__in=list(object_ids)).order_by(NEWEST)[:limit])


def open_tier_request() -> TierRequest | None:
    """Return the current company's open tier request."""
    return TierRequest.objects.filter(status=TierRequest.Status.OPEN).select_related("requested_by").first()


def list_tier_requests(limit: int = 10) -> list[TierRequest]:
    """Return the current company's latest tier requests."""
    return list(TierRequest.objects.select_related("requested_by").order_by(NEWEST)[:limit])
