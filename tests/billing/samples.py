"""How to make what the operations on customers, invoices and charges need."""

from collections.abc import Callable

from core.tenancy import Tenant
from tests.billing.factories import LINE, make_invoice, make_settled_charge
from tests.contracts.by_app import Body, no_body
from tests.factories import make_customer

OBJECTS: dict[str, Callable[[Tenant], str]] = {
    "charges": lambda tenant: make_settled_charge(tenant).public_id,
    "customers": lambda tenant: make_customer(tenant).public_id,
    "invoices": lambda tenant: make_invoice(tenant).public_id,
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
