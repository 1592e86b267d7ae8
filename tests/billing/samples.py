"""Sample objects for the operations on customers, invoices and charges."""

from collections.abc import Callable

from core.tenancy import Tenant
from tests.billing.factories import (
    LINE,
    make_credit_note,
    make_invoice,
    make_payment,
    make_refund,
    make_settled_charge,
)
from tests.contracts.by_app import Body, Form, no_body
from tests.factories import make_customer


def make_final_invoice(tenant: Tenant) -> str:
    """Return the id of an invoice that is not a draft any more."""
    return make_invoice(tenant, finalize=True).public_id


OBJECTS: dict[str, Callable[[Tenant], str]] = {
    "charges": lambda tenant: make_settled_charge(tenant).public_id,
    "customers": lambda tenant: make_customer(tenant).public_id,
    "invoices": lambda tenant: make_invoice(tenant).public_id,
    "credit_notes": lambda tenant: make_credit_note(tenant).public_id,
    "payments": lambda tenant: make_payment(tenant).public_id,
    "refunds": lambda tenant: make_refund(tenant).public_id,
}

BODIES: dict[str, Callable[[Tenant], Body]] = {
    "POST /v1/customers": lambda tenant: {"name": "Grace Hopper", "email": "grace@example.com"},
    "PATCH /v1/customers/<str:id>": lambda tenant: {"name": "Grace Murray Hopper"},
    "DELETE /v1/customers/<str:id>": no_body,
    "POST /v1/invoices": lambda tenant: {
        "customer": make_customer(tenant).public_id,
        "currency": "EUR",
        "lines": [LINE],
    },
    "PATCH /v1/invoices/<str:id>": lambda tenant: {"metadata": {"project": "x"}},
    "DELETE /v1/invoices/<str:id>": no_body,
    "POST /v1/invoices/<str:id>/finalize": no_body,
    "POST /v1/invoices/<str:id>/void": no_body,
    "POST /v1/invoices/<str:id>/mark_uncollectible": no_body,
    "PATCH /v1/seller": lambda tenant: {"footer": "Managing director: Grace Hopper"},
    "POST /v1/invoices/<str:id>/payments": lambda tenant: {"method": "bank_transfer", "amount": 100},
    "POST /v1/credit_notes": lambda tenant: {
        "invoice": make_final_invoice(tenant),
        "amount": 100,
    },
    "PATCH /v1/credit_notes/<str:id>": lambda tenant: {"metadata": {"project": "x"}},
    "POST /v1/credit_notes/<str:id>/void": lambda tenant: {"reason": "Written by mistake"},
    "PATCH /v1/payments/<str:id>": lambda tenant: {"metadata": {"project": "x"}},
    "POST /v1/payments/<str:id>/undo": lambda tenant: {"reason": "Another customer's transfer"},
    "PATCH /v1/charges/<str:id>": lambda tenant: {"metadata": {"project": "x"}},
    "PATCH /v1/refunds/<str:id>": lambda tenant: {"metadata": {"project": "x"}},
    "POST /v1/charges": lambda tenant: {
        "amount": 5000,
        "currency": "EUR",
        "payment_method": "card_success",
        "customer": make_customer(tenant).public_id,
    },
    "POST /v1/charges/<str:id>/refunds": lambda tenant: {"amount": 100},
}

RARE_QUERIES = {
    "customers?metadata_value": {"metadata_key": "colour", "metadata_value": "nothing-like-this"},
}

# What is done to an invoice that is not a draft any more.
PAGE_OBJECTS: dict[str, Callable[[Tenant], str]] = {
    f"invoices/<str:public_id>/{action}/": make_final_invoice
    for action in ("void", "uncollectible", "charge", "payments/new", "links/new", "links/revoke", "credit")
}


# --- the forms that act once: the page, the target, and the fields -------------------------------------------------------


FREE = {"amount": "12.50", "currency": "EUR", "payment_method": "card_success"}


def free_charge(tenant: Tenant) -> Form:
    """A charge without an invoice."""
    return "/charges/new/", "/charges/new/", FREE


def invoice_charge(tenant: Tenant) -> Form:
    """A charge for an invoice."""
    page = f"/invoices/{make_final_invoice(tenant)}/"
    return page, f"{page}charge/", {"amount": "1.50", "payment_method": "card_success"}


def partial_refund(tenant: Tenant) -> Form:
    """A refund of a part of a charge."""
    page = f"/charges/{make_settled_charge(tenant, amount=1000).public_id}/refund/"
    return page, page, {"amount": "1.50"}


def recorded_payment(tenant: Tenant) -> Form:
    """A payment that came by another way."""
    page = f"/invoices/{make_final_invoice(tenant)}/payments/new/"
    return page, page, {"amount": "1.50", "method": "bank_transfer"}


def partial_credit(tenant: Tenant) -> Form:
    """A credit note for a part of an invoice."""
    page = f"/invoices/{make_final_invoice(tenant)}/credit/"
    return page, page, {"line0": "1.50", "line1": "1.50"}


def new_customer(tenant: Tenant) -> Form:
    """A customer."""
    return "/customers/new/", "/customers/new/", {"name": "Bob"}


def new_draft(tenant: Tenant) -> Form:
    """A draft of an invoice."""
    customer = make_customer(tenant, name="Ada").public_id
    line = {"line0-description": "Work", "line0-quantity": "1", "line0-unit_price": "10"}
    page = f"/invoices/new/?customer={customer}"
    return page, "/invoices/new/", {"customer": customer, "currency": "EUR", **line}


_VIEWS = "billing.dashboard.views"
ONE_TIME_FORMS: dict[str, Callable[[Tenant], Form]] = {
    f"{_VIEWS}.charges.create": free_charge,
    f"{_VIEWS}.credit_notes.create": partial_credit,
    f"{_VIEWS}.customers.create": new_customer,
    f"{_VIEWS}.invoices.create": new_draft,
    f"{_VIEWS}.invoices.charge": invoice_charge,
    f"{_VIEWS}.payments.record": recorded_payment,
    f"{_VIEWS}.refunds.refund": partial_refund,
}
