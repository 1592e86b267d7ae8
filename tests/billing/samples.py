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
from tests.contracts.by_app import Body, no_body
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
