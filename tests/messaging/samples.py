"""How to make what the operations on messages and suppressions need."""

import secrets
from collections.abc import Callable
from datetime import datetime, timedelta

from core import clock
from core.tenancy import Tenant, tenant_context
from messaging.services import create_message, create_suppression
from tests.contracts.by_app import Body, no_body
from tests.factories import SYSTEM, make_customer


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


def _tomorrow() -> datetime:
    return clock.now() + timedelta(days=1)


OBJECTS: dict[str, Callable[[Tenant], str]] = {
    "messages": make_message,
    "suppressions": make_suppression,
}

BODIES: dict[str, Callable[[Tenant], Body]] = {
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
}

RARE_QUERIES = {
    "messages?to": {"to": "nobody@example.com"},
    "suppressions?address": {"address": "nobody@example.com"},
}
