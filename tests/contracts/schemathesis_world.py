"""The objects that Schemathesis is told of, so that its requests are about something (see schemathesis_hooks.py)."""

from typing import Any

from billing.gateways import current_gateway
from core.api import versions
from core.api.patterns import IDEMPOTENCY_KEY
from core.tenancy import Tenant
from messaging.services.sms_senders import COUNTRIES
from tests.billing.factories import make_invoice, make_settled_charge
from tests.contracts.operations import list_operations
from tests.contracts.samples import OBJECTS
from tests.factories import ensure_domain, make_customer, prove_sms
from tests.webhooks.steps import make_endpoint

# How many of each kind there are to read and change.
OBJECTS_OF_EACH = 3
# How many an operation has to use up: the examples of the document, and their variants, come first and take a dozen and more.
SPARE = 30


def make_contract_world(tenant: Tenant) -> dict[str, Any]:
    """Make the objects and return their ids: `known` by prefix, `spare` by operation, `invoices` with their terms.

    `whole_invoices` and `creditable_invoices` are open ones that nothing else is asked of.
    """
    known: dict[str, list[str]] = {}
    ensure_domain(tenant)
    prove_sms(tenant, "Acme", countries=sorted(COUNTRIES))
    for owner, make in OBJECTS.items():
        if " " in owner:
            continue  # of one operation alone
        made = [make(tenant) for _ in range(OBJECTS_OF_EACH)]
        known[made[0].partition("_")[0]] = made
    # A message without `to` goes to its customer's own address, on either channel.
    customers = [
        make_customer(tenant, email=f"grace.{place}@example.com", phone=f"+4915123456{place:03}")
        for place in range(OBJECTS_OF_EACH)
    ]
    known["cus"] = [customer.public_id for customer in customers]
    return {
        "known": known,
        "spare": {
            label: [make(tenant) for _ in range(OBJECTS_OF_EACH if label in _USED_AGAIN else SPARE)]
            for label, make in _USED_UP.items()
        },
        "invoices": {
            make_invoice(tenant, customer=customer, finalize=True).public_id: {
                "currency": "EUR",
                "customer": customer.public_id,
            }
            for customer in customers
        },
        "whole_invoices": [_open_invoice(tenant) for _ in range(SPARE)],
        "creditable_invoices": [_open_invoice(tenant) for _ in range(SPARE)],
        # What the document says of the header; any other value is sent as it was generated, to be refused.
        "idempotency_key": IDEMPOTENCY_KEY,
        "version": versions.newest().date,
        "payment_methods": list(current_gateway().payment_methods),
    }


def _open_invoice(tenant: Tenant) -> str:
    return make_invoice(tenant, finalize=True).public_id


def _settled_charge(tenant: Tenant) -> str:
    return make_settled_charge(tenant).public_id


def _endpoint(tenant: Tenant) -> str:
    return make_endpoint(tenant, "https://example.com/hook")[0].public_id


# A deletion leaves nothing for others, a change may take away what they look for, and an action may be for once only.
_CHANGED = {
    operation.name.replace("<str:id>", "{id}"): OBJECTS.get(operation.name) or OBJECTS[operation.resource]
    for operation in list_operations()
    if operation.method in ("DELETE", "PATCH", "POST")
    and operation.parameters
    and operation.resource in OBJECTS
}
_USED_UP = {
    **_CHANGED,
    "DELETE /v1/webhook_endpoints/{id}": _endpoint,
    "POST /v1/charges/{id}/refunds": _settled_charge,
    "POST /v1/invoices/{id}/finalize": OBJECTS["invoices"],
    "POST /v1/invoices/{id}/mark_uncollectible": _open_invoice,
    "POST /v1/invoices/{id}/payments": _open_invoice,
    "POST /v1/invoices/{id}/void": _open_invoice,
    "POST /v1/messages/{id}/cancel": OBJECTS["messages"],
    # A change may switch an endpoint off.
    "PATCH /v1/webhook_endpoints/{id}": _endpoint,
    # One recovery of an endpoint runs at a time, and without a worker none ends.
    "POST /v1/webhook_endpoints/{id}/recover": _endpoint,
    "POST /v1/webhook_endpoints/{id}/replay_missing": _endpoint,
}
# Nothing looks for what these change, and they accept the same object again and again.
_USED_AGAIN = frozenset(
    {
        "PATCH /v1/charges/{id}",
        "PATCH /v1/credit_notes/{id}",
        "PATCH /v1/payments/{id}",
        "PATCH /v1/refunds/{id}",
        "POST /v1/invoices/{id}/send",
        "POST /v1/sender_domains/{id}/verify",
        "POST /v1/templates/{id}/preview",
        "POST /v1/webhook_endpoints/{id}/test",
    }
)
