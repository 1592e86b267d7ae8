"""Sample objects for the operations on messages and suppressions."""

import secrets
from collections.abc import Callable
from datetime import datetime, timedelta

from core import clock
from core.tenancy import Tenant, tenant_context
from messaging.models import SmsSender
from messaging.services import (
    create_message,
    create_suppression,
    create_template,
)
from tests.billing.factories import make_invoice
from tests.contracts.by_app import Body, Form, no_body
from tests.factories import SYSTEM, ensure_domain, make_customer, prove_domain

# Settings with which SMS have prices; no provider is called before a worker sends.
PRICED_SMS = {
    "MESSAGING_PROVIDERS": {"email": "file", "sms": "twilio"},
    "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
    "TWILIO_AUTH_TOKEN": "stand-in-token",
}


def make_message(tenant: Tenant) -> str:
    """Return the ID of a message scheduled for tomorrow."""
    ensure_domain(tenant)
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


def make_domain(tenant: Tenant) -> str:
    """Return the ID of a verified sender domain."""
    return prove_domain(tenant, f"{secrets.token_hex(6)}.example").public_id


def make_sms_sender(tenant: Tenant) -> str:
    """Return the ID of a requested SMS sender."""
    with tenant_context(tenant):
        name = f"A{secrets.token_hex(4)}"
        row = SmsSender.objects.create(sender=name, sender_normalized=name.lower(), reason="Our shop's name")
    return row.public_id


def make_template(tenant: Tenant) -> str:
    """Return the id of a template."""
    with tenant_context(tenant):
        row = create_template(
            actor=SYSTEM,
            name=f"Welcome {secrets.token_hex(6)}",
            channel="email",
            subject="Hello {{ customer.name }}",
            text="Welcome to {{ place }}!",
        )
    return row.public_id


def _message(tenant: Tenant) -> Body:
    ensure_domain(tenant)
    return {
        "channel": "email",
        "to": ["ada@example.com"],
        "subject": "Hello",
        "text": "Hi",
        "send_at": _tomorrow().isoformat(),
        "customer": make_customer(tenant, email="ada@example.com").public_id,
    }


def _batch(tenant: Tenant) -> Body:
    ensure_domain(tenant)
    return {
        "channel": "email",
        "template": make_template(tenant),
        "send_at": _tomorrow().isoformat(),
        "recipients": [
            {
                "to": "ada@example.com",
                "customer": make_customer(tenant, email="ada@example.com").public_id,
                "variables": {"customer": {"name": "Ada"}, "place": "Acme"},
            }
        ],
    }


def make_sendable_invoice(tenant: Tenant) -> str:
    """Return the ID of an invoice that can be sent to its customer."""
    ensure_domain(tenant)
    customer = make_customer(tenant, email="ada@example.com")
    return make_invoice(tenant, customer=customer, finalize=True).public_id


def _tomorrow() -> datetime:
    return clock.now() + timedelta(days=1)


OBJECTS: dict[str, Callable[[Tenant], str]] = {
    "messages": make_message,
    "sender_domains": make_domain,
    "sms_senders": make_sms_sender,
    "suppressions": make_suppression,
    "templates": make_template,
    "POST /v1/invoices/<str:id>/send": make_sendable_invoice,
}

# The response contains invoice data, as when reading one.
CARRIERS = ("POST /v1/invoices/<str:id>/send",)

BODIES: dict[str, Callable[[Tenant], Body]] = {
    "POST /v1/messages": _message,
    "POST /v1/messages/batch": _batch,
    "POST /v1/messages/<str:id>/cancel": no_body,
    "POST /v1/invoices/<str:id>/send": lambda tenant: {"message": "Thank you for your order."},
    "POST /v1/suppressions": lambda tenant: {
        "channel": "email",
        "address": f"{secrets.token_hex(6)}@example.com",
    },
    "DELETE /v1/suppressions/<str:id>": no_body,
    "POST /v1/sender_domains": lambda tenant: {"domain": f"{secrets.token_hex(6)}.example"},
    "POST /v1/sender_domains/<str:id>/verify": no_body,
    "POST /v1/sender_domains/<str:id>/rotate_key": no_body,
    "DELETE /v1/sender_domains/<str:id>": no_body,
    "POST /v1/sms_senders": lambda tenant: {
        "sender": f"A{secrets.token_hex(4)}",
        "reason": "Our shop has this name.",
    },
    "DELETE /v1/sms_senders/<str:id>": no_body,
    "POST /v1/templates": lambda tenant: {
        "name": f"Welcome {secrets.token_hex(6)}",
        "channel": "email",
        "subject": "Hello {{ customer.name }}",
        "text": "Welcome!",
    },
    "PATCH /v1/templates/<str:id>": lambda tenant: {"text": f"Welcome {secrets.token_hex(6)}!"},
    "POST /v1/templates/<str:id>/preview": lambda tenant: {
        "variables": {"customer": {"name": "Ada"}, "place": "Acme"}
    },
    "DELETE /v1/templates/<str:id>": no_body,
}

PAGE_OBJECTS: dict[str, Callable[[Tenant], str]] = {
    "messages/invoices/": make_sendable_invoice,
    "messages/senders/domains/": make_domain,
    "messages/senders/sms/": make_sms_sender,
    "messages/suppressions/": make_suppression,
    "messages/templates/": make_template,
}

RARE_QUERIES = {
    "messages?to": {"to": "nobody@example.com"},
    "suppressions?address": {"address": "nobody@example.com"},
    "suppressions?topic": {"topic": "nothing"},
    "templates?name": {"name": "Nothing"},
}


def new_message(tenant: Tenant) -> Form:
    """A message."""
    ensure_domain(tenant)
    return (
        "/messages/new/",
        "/messages/new/",
        {"channel": "email", "to": "ada@example.com", "subject": "Hello", "text": "Hi"},
    )


def sent_invoice(tenant: Tenant) -> Form:
    """An invoice that is sent to its customer."""
    page = f"/messages/invoices/{make_sendable_invoice(tenant)}/send/"
    return page, page, {"to": "ada@example.com", "subject": "Hello"}


def new_template(tenant: Tenant) -> Form:
    """A template."""
    page = "/messages/templates/new/"
    return page, page, {"name": "Welcome", "channel": "email", "subject": "Hello", "text": "Hi"}


_VIEWS = "messaging.dashboard.views"
ONE_TIME_FORMS: dict[str, Callable[[Tenant], Form]] = {
    f"{_VIEWS}.invoices.send": sent_invoice,
    f"{_VIEWS}.messages.compose": new_message,
    f"{_VIEWS}.templates.create": new_template,
}
