"""Search providers of billing: customers, invoices, credit notes, payments, charges and refunds, by ID, number, email or external ID."""

from collections.abc import Collection, Iterator
from typing import Any

from django.urls import reverse

from billing.models import Charge, CreditNote, Customer, Invoice, OffPlatformPayment, Refund
from billing.selectors import email_spelling
from core.ui.finding import Found, Named, by_identifier, name_rows

# The maximum number of matches for one text: customers of one household may share an email address.
MOST_FOUND = 10


def find(text: str) -> Iterator[Found]:
    """Yield the objects that `text` matches; a refund leads to its charge, a payment to its invoice."""
    for found in by_identifier(text, PAGES):
        if not isinstance(found.row, Customer) or found.row.deleted_at is None:
            yield found
    for invoice in Invoice.objects.filter(number=text.upper())[:MOST_FOUND]:
        yield Found(invoice, "Invoice", str(invoice), _invoice(invoice))
    for note in CreditNote.objects.filter(number=text.upper())[:MOST_FOUND]:
        yield Found(note, "Credit note", str(note), _credit_note(note))
    for invoice in Invoice.objects.filter(external_id=text)[:MOST_FOUND]:
        yield Found(invoice, "Invoice", str(invoice), _invoice(invoice))
    customers = Customer.objects.filter(deleted_at=None)
    for customer in customers.filter(external_id=text)[:MOST_FOUND]:
        yield Found(customer, "Customer", customer.name, _customer(customer))
    if "@" in text:
        for customer in customers.filter(email_normalized=email_spelling(text))[:MOST_FOUND]:
            yield Found(customer, "Customer", customer.name, _customer(customer))


def name(identifiers: Collection[str]) -> Iterator[tuple[str, Named]]:
    """Yield customers by name, invoices and credit notes by number, and the rest by ID."""
    yield from name_rows(
        identifiers,
        {
            Customer: (lambda row: row.name, _customer),
            Invoice: (str, _invoice),
            CreditNote: (str, _credit_note),
            Charge: (None, _charge),
        },
    )
    # These are shown on another object's page.
    yield from name_rows(
        identifiers, {model: (None, PAGES[model][1]) for model in (OffPlatformPayment, Refund)}
    )


def _customer(row: Any) -> str:
    return reverse("billing:customer", args=[row.public_id])


def _invoice(row: Any) -> str:
    return reverse("billing:invoice", args=[row.public_id])


def _charge(row: Any) -> str:
    return reverse("billing:charge", args=[row.public_id])


def _credit_note(row: Any) -> str:
    return reverse("billing:credit_note", args=[row.public_id])


PAGES = {
    Customer: ("Customer", _customer),
    Invoice: ("Invoice", _invoice),
    Charge: ("Charge", _charge),
    CreditNote: ("Credit note", _credit_note),
    OffPlatformPayment: ("Payment", lambda row: _invoice(row.invoice)),
    Refund: ("Refund", lambda row: _charge(row.charge)),
}
