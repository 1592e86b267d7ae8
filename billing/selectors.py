"""Reads of billing's objects, all inside the current tenant."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time
from typing import Any, TypeVar

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
from core.errors import NotFound
from core.models import OutboxEvent
from core.postgres.orders import NEWEST
from core.security.crypto import sha256_hex
from core.tenancy import system_context
from core.values import ids
from core.values.email_addresses import InvalidEmail, parse_email
from core.values.texts import normalize

BilledT = TypeVar("BilledT", Invoice, Charge)

# The last code point: the end of every range of words with one prefix under the collation "C".
_LAST = "\U0010ffff"
# 32 random bytes in URL-safe Base64 are 43 characters; what is much longer is none of ours.
MAX_LINK_TOKEN = 64

# What lists are sorted by, in the API and on the dashboard, and the columns of the tenant's indexes that serve it.
CUSTOMER_SORT = {"name": "name"}
INVOICE_SORT = {"due_date": "due_date"}


def list_customers() -> QuerySet[Customer]:
    """Return the customers that are not deleted."""
    return Customer.objects.filter(deleted_at=None)


def get_customer(public_id: str) -> Customer:
    """Return the customer; raises NotFound when it is missing, deleted or foreign."""
    try:
        return list_customers().get(id=ids.decode("cus", public_id))
    except (ids.InvalidId, Customer.DoesNotExist) as error:
        raise NotFound from error


def email_spelling(text: str) -> str:
    """Return the spelling by which a customer's email is compared; that of a text which is no address finds nothing."""
    try:
        return parse_email(text).lower()
    except InvalidEmail:
        return text.lower()


def with_metadata(queryset: QuerySet[Customer], key: str, value: str | None = None) -> QuerySet[Customer]:
    """Narrow to customers whose metadata has `key` (and holds `value` under it)."""
    entries = CustomerMetadata.objects.filter(key=normalize(key))
    if value is not None:
        entries = entries.filter(value=normalize(value))
    return queryset.filter(id__in=entries.values("customer_id"))


def matching_words(queryset: QuerySet[Customer], text: str) -> QuerySet[Customer]:
    """Narrow to customers that have, for each word of `text`, a word in name, email, phone or external_id that begins so.

    An address of an international domain is kept in ASCII, and so looked for as it is kept.
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
    """Return the customers that match what is given; a metadata value counts only with its name."""
    rows = list_customers()
    if search:
        rows = matching_words(rows, search)
    if metadata_key:
        rows = with_metadata(rows, metadata_key, metadata_value or None)
    if created_after:
        rows = rows.filter(**_created_from(created_after))
    return rows


def current_seller() -> Seller:
    """Return what the current tenant's invoices say of the company; a blank row that is not saved when nobody said anything."""
    found: Seller | None = Seller.objects.select_related("logo").first()
    return found or Seller.objects.all().in_tenant([Seller()])[0]


def logo_of(seller: dict[str, Any]) -> SellerLogo | None:
    """Return the logo that a snapshot of a seller names; None where it names none."""
    named = seller.get("logo")
    found: SellerLogo | None = SellerLogo.objects.get(id=ids.decode("logo", named)) if named else None
    return found


def list_invoices(*, with_lines: bool = True) -> QuerySet[Invoice]:
    """Return every invoice, with its lines unless they are not wanted."""
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
    """Return the invoices that match what is given, without lines; `customer` is a TypeID (an unknown one matches nothing)."""
    rows = list_invoices(with_lines=False)
    if number:
        rows = rows.filter(number=number.strip().upper())
    if status:
        rows = rows.filter(status=status)
    if customer:
        rows = _of_customer(rows, customer)
    if created_after:
        rows = rows.filter(**_created_from(created_after))
    if due_before:
        rows = rows.filter(due_date__lt=due_before)
    return rows if overdue is None else by_overdue(rows, overdue)


def by_overdue(rows: QuerySet[Invoice], overdue: bool) -> QuerySet[Invoice]:
    """Narrow to invoices that are open after the day on which they were due (UTC), or to all others."""
    today = clock.now().date()
    if overdue:
        return rows.filter(status=Invoice.Status.OPEN, due_date__lt=today)
    return rows.exclude(status=Invoice.Status.OPEN, due_date__lt=today, due_date__isnull=False)


def _of_customer(rows: QuerySet[BilledT], public_id: str) -> QuerySet[BilledT]:
    """Narrow to those of a customer; an id that is none has none."""
    try:
        return rows.filter(customer_id=ids.decode("cus", public_id))
    except ids.InvalidId:
        return rows.none()


def _created_from(day: date) -> dict[str, Any]:
    """Return what a row created on `day` (UTC) or later fulfils; the identifier's range is what an index serves."""
    moment = datetime.combine(day, time.min, tzinfo=UTC)
    return {"created__gte": moment, "id__gte": ids.first_id(moment, shift_seconds=-ids.ID_MARGIN_SECONDS)}


def get_invoice(public_id: str, *, lock: bool = False) -> Invoice:
    """Return the invoice, locked until the end of the transaction on request; raises NotFound."""
    try:
        rows = Invoice.objects.select_for_update(no_key=True) if lock else Invoice.objects
        return rows.get(id=ids.decode("in", public_id))
    except (ids.InvalidId, Invoice.DoesNotExist) as error:
        raise NotFound from error


def count_links(invoice: Invoice) -> int:
    """Return how many links to an invoice work."""
    return InvoiceLink.objects.filter(invoice=invoice, revoked_at=None).count()


def find_link(token: str) -> InvoiceLink | None:
    """Return the link with this secret, of whichever company; None for one that is unknown or revoked.

    Of a suspended company, which one that is to be approved is from the start, no link works: what staff have stopped must not
    go on asking people for money on this platform's own pages.
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
    """Return the charge that a payer is making on the gateway's page, if there is one: never two."""
    return Charge.objects.filter(
        invoice=invoice, status=Charge.Status.PENDING, checkout_expires_at__isnull=False
    ).first()


def last_checkout_of(invoice: Invoice) -> Charge | None:
    """Return the latest charge that a payer made, or is making, on the gateway's page."""
    return Charge.objects.filter(invoice=invoice, checkout_expires_at__isnull=False).order_by(NEWEST).first()


def list_charges_of(invoice: Invoice) -> QuerySet[Charge]:
    """Return the charges of an invoice with their refunds."""
    return Charge.objects.filter(invoice=invoice).prefetch_related("refunds")


def filter_charges(
    *, status: str = "", customer: str = "", invoice: str = "", created_after: date | None = None
) -> QuerySet[Charge]:
    """Return the charges that match what is given, with their invoices and customers.

    `customer` is a TypeID (an unknown one matches nothing); `invoice` is "none" for charges that stand by themselves.
    """
    rows: QuerySet[Charge] = Charge.objects.select_related("invoice", "customer")
    if status:
        rows = rows.filter(status=status)
    if customer:
        rows = _of_customer(rows, customer)
    if invoice == "none":
        rows = rows.filter(invoice=None)
    if created_after:
        rows = rows.filter(**_created_from(created_after))
    return rows


def get_charge(public_id: str) -> Charge:
    """Return the charge; raises NotFound."""
    return Charge.by_public_id(public_id)


def list_refunds(charge: Charge | None = None) -> QuerySet[Refund]:
    """Return every refund, or those of a charge, with their charges and credit notes."""
    rows = Refund.objects.select_related("charge").prefetch_related("credit_notes")
    return rows if charge is None else rows.filter(charge=charge)


def get_refund(public_id: str) -> Refund:
    """Return the refund; raises NotFound."""
    return Refund.by_public_id(public_id)


def list_payments(invoice: Invoice | None = None) -> QuerySet[OffPlatformPayment]:
    """Return every payment that came past the gateway, or those of an invoice."""
    rows = OffPlatformPayment.objects.select_related("invoice")
    return rows if invoice is None else rows.filter(invoice=invoice)


def get_payment(public_id: str) -> OffPlatformPayment:
    """Return the payment; raises NotFound."""
    return OffPlatformPayment.by_public_id(public_id)


def list_credit_notes(invoice: Invoice | None = None, *, with_lines: bool = True) -> QuerySet[CreditNote]:
    """Return every credit note, or those of an invoice; with their lines unless they are not wanted."""
    rows = CreditNote.objects.select_related("invoice")
    if with_lines:
        rows = rows.prefetch_related("lines__invoice_line")
    return rows if invoice is None else rows.filter(invoice=invoice)


def get_credit_note(public_id: str) -> CreditNote:
    """Return the credit note; raises NotFound."""
    return CreditNote.by_public_id(public_id)


def list_timeline_events(object_ids: Iterable[str], limit: int = 50) -> list[OutboxEvent]:
    """Return the newest events about these objects: the time line of a page."""
    return list(OutboxEvent.objects.filter(object_id__in=list(object_ids)).order_by(NEWEST)[:limit])


def open_tier_request() -> TierRequest | None:
    """Return the current company's request that nobody has decided yet."""
    return TierRequest.objects.filter(status=TierRequest.Status.OPEN).select_related("requested_by").first()


def list_tier_requests(limit: int = 10) -> list[TierRequest]:
    """Return the current company's latest requests for another tier."""
    return list(TierRequest.objects.select_related("requested_by").order_by(NEWEST)[:limit])
