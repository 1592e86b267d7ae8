"""How to make what an operation needs: an object for its path, and a body it accepts.

`OBJECTS` is keyed by the first path segment, `BODIES` by the operation. A new endpoint adds its lines here; the contract
and isolation tests then cover it without being told.
"""

import secrets
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from accounts.models import Company, Membership
from accounts.roles import Role
from accounts.services import invite_member
from audit.ingest.store import store
from audit.models import AuditEntry
from core import clock, ids
from core.models import OutboxEvent
from core.tenancy import Tenant, tenant_context
from messaging.services import create_message, create_suppression
from tests.audit.rows import make_row
from tests.billing.factories import LINE, make_invoice, make_settled_charge
from tests.factories import SYSTEM, join, make_customer, make_key, make_user
from tests.webhooks.steps import make_endpoint
from webhooks.models import Delivery, EventBody

Body = dict[str, Any] | None


def no_body(tenant: Tenant) -> Body:
    """The operation takes no body."""
    return None


def make_message(tenant: Tenant) -> str:
    """Return the id of a message that waits for tomorrow."""
    with tenant_context(tenant):
        return create_message(
            actor=SYSTEM,
            channel="email",
            to=["ada@example.com"],
            subject="Hello",
            text="Hi",
            send_at=_tomorrow(),
        ).message.public_id


def make_suppression(tenant: Tenant) -> str:
    """Return the id of a suppressed address."""
    with tenant_context(tenant):
        row = create_suppression(actor=SYSTEM, channel="email", address=f"{secrets.token_hex(6)}@example.com")
    return row.public_id


def make_event(tenant: Tenant) -> OutboxEvent:
    """Return an event of the tenant: a customer was created."""
    customer = make_customer(tenant)
    with tenant_context(tenant):
        return OutboxEvent.objects.get(object_id=customer.public_id)


def make_delivery(tenant: Tenant) -> str:
    """Return the id of a delivery that was given up."""
    endpoint, _ = make_endpoint(tenant, "https://example.com/hook")
    event = make_event(tenant)
    with tenant_context(tenant):
        EventBody.objects.get_or_create(event=event, defaults={"body": b"{}"})
        return Delivery.objects.create(
            endpoint=endpoint,
            event=event,
            event_type=event.type,
            status=Delivery.Status.EXHAUSTED,
            finished_at=clock.now(),
        ).public_id


def make_audit_entry(tenant: Tenant) -> str:
    """Return the id of the audit entry of a `customer.created`."""
    customer = make_customer(tenant)
    with tenant_context(tenant):
        return AuditEntry.objects.get(target_id=customer.public_id).public_id


def _hour_ago() -> Body:
    return {"since": (clock.now() - timedelta(hours=1)).isoformat()}


def _tomorrow() -> datetime:
    return clock.now() + timedelta(days=1)


def make_request_log(tenant: Tenant) -> str:
    """Return the id of a logged request."""
    row = make_row(tenant.company_id, mode=tenant.mode)
    store([row])
    return ids.encode("req", uuid.UUID(row[0]))


OBJECTS: dict[str, Callable[[Tenant], str]] = {
    "audit_entries": make_audit_entry,
    "charges": lambda tenant: make_settled_charge(tenant).public_id,
    "customers": lambda tenant: make_customer(tenant).public_id,
    "deliveries": make_delivery,
    "events": lambda tenant: make_event(tenant).public_id,
    "invoices": lambda tenant: make_invoice(tenant).public_id,
    "messages": make_message,
    "request_logs": make_request_log,
    "suppressions": make_suppression,
    "webhook_endpoints": lambda tenant: make_endpoint(tenant, "https://example.com/hook")[0].public_id,
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
    "POST /v1/charges": lambda tenant: {
        "amount": 5000,
        "currency": "EUR",
        "payment_method": "card_success",
        "customer": make_customer(tenant).public_id,
    },
    "POST /v1/charges/<str:id>/refunds": lambda tenant: {"amount": 100},
    "POST /v1/messages": lambda tenant: {
        "channel": "email",
        "to": ["ada@example.com"],
        "subject": "Hello",
        "text": "Hi",
        "send_at": _tomorrow().isoformat(),
        "customer": make_customer(tenant, email="ada@example.com").public_id,
    },
    "POST /v1/messages/<str:id>/cancel": no_body,
    "POST /v1/suppressions": lambda tenant: {
        "channel": "email",
        "address": f"{secrets.token_hex(6)}@example.com",
    },
    "DELETE /v1/suppressions/<str:id>": no_body,
    "POST /v1/webhook_endpoints": lambda tenant: {
        "url": "https://example.com/hook",
        "events": ["customer.*"],
    },
    "PATCH /v1/webhook_endpoints/<str:id>": lambda tenant: {"description": "Orders"},
    "DELETE /v1/webhook_endpoints/<str:id>": no_body,
    "POST /v1/webhook_endpoints/<str:id>/rotate_secret": lambda tenant: {"overlap": "none"},
    "POST /v1/webhook_endpoints/<str:id>/test": no_body,
    "POST /v1/webhook_endpoints/<str:id>/recover": lambda tenant: _hour_ago(),
    "POST /v1/webhook_endpoints/<str:id>/replay_missing": lambda tenant: _hour_ago(),
    "POST /v1/deliveries/<str:id>/resend": no_body,
}


def make_membership(tenant: Tenant) -> str:
    """Return the id of a viewer's membership."""
    company = Company(id=tenant.company_id)
    return join(company, make_user("member"), Role.VIEWER).public_id


def make_invitation(tenant: Tenant) -> str:
    """Return the id of an open invitation."""
    with tenant_context(tenant):
        inviter = Membership.objects.select_related("user").filter(role=Role.OWNER).first()
        invitation, _ = invite_member(
            email=f"{secrets.token_hex(6)}@example.com", role=Role.VIEWER, inviter=inviter, actor=SYSTEM
        )
    return invitation.public_id


def make_api_key(tenant: Tenant) -> str:
    """Return the Client ID of a key."""
    return make_key(Company(id=tenant.company_id), mode=tenant.mode).client_id


# By the beginning of the page's route; pages whose first segment is in OBJECTS need no line.
PAGE_OBJECTS: dict[str, Callable[[Tenant], str]] = {
    "audit/": make_audit_entry,
    "requests/": make_request_log,
    "keys/": make_api_key,
    "team/invitations/": make_invitation,
    "team/": make_membership,
    "webhooks/": OBJECTS["webhook_endpoints"],
}
