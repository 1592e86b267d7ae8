"""A row of every table, as written by a release at a certain state of the migrations."""

from __future__ import annotations

import datetime as dt
import decimal
import secrets
import uuid
from typing import Any

from django.apps.registry import Apps
from django.db import connections, models, transaction

from core.values.ids import new_id

OWN_APPS = ("accounts", "apikeys", "audit", "billing", "core", "messaging", "webhooks")
# The tiers: migrations fill their table, and there is no fourth.
SEEDED = {"billing.TierLimits"}

NOW = dt.datetime.now(dt.UTC)
# What constraints, triggers and migrations ask of a row beyond the types of its columns. There is one paid, half-refunded invoice.
# What is called is another value for each row.
GIVEN: dict[str, dict[str, Any]] = {
    "audit.RequestBodies": {"expires_at": NOW + dt.timedelta(hours=1)},
    "apikeys.ApiKey": {"scopes": ["customers:read"], "kind": "server", "rate_limit": 60},
    "apikeys.ApiKeySecret": {"store": "database", "encoded_hash": "sha256$x", "fingerprint": "1$x"},
    "billing.Customer": {"name": "Ada", "email": "ada@example.com", "external_id": "Zoe\u0308"},
    "billing.CustomerSearchWord": {"word": "ada"},
    "billing.Invoice": {
        "status": "paid", "sequence": 1, "number": "INV-1", "currency": "EUR", "subtotal": 100, "total": 100,
        "amount_paid": 100, "amount_refunded": 50, "billed_to": {"name": "Ada"}, "finalized_at": NOW, "paid_at": NOW,
    },
    "billing.InvoiceCounter": {"last_number": 1},
    "billing.InvoiceLine": {"quantity": 1, "unit_amount": 100, "amount": 100, "tax": 0, "tax_rate_bps": 0},
    "billing.Charge": {
        "status": "succeeded", "currency": "EUR", "amount": 100, "amount_refunded": 50, "settled_at": NOW, "due_at": None,
    },
    "billing.Dispute": {"amount": 50, "status": "lost", "reported_at": NOW},
    "billing.Refund": {"status": "succeeded", "amount": 50, "settled_at": NOW, "due_at": None},
    "billing.CreditNote": {"subtotal": 50, "tax": 0, "total": 50, "pre_payment_amount": 0, "post_payment_amount": 50},
    "billing.CreditNoteLine": {"amount": 50, "tax": 0},
    "billing.InvoiceLink": {"token_hash": lambda: secrets.token_hex(32)},
    "billing.SellerLogo": {"content": b"x", "content_type": "image/png", "width": 1, "height": 1},
    "core.OutboxEvent": {"public": True},
    "messaging.Message": {"due_at": NOW},
    "messaging.SmsPrice": {"ask_at": NOW},
    "webhooks.Endpoint": {"events": ["customer.created"]},
    "webhooks.Delivery": {"due_at": NOW},
    "webhooks.RecoveryJob": {"until": NOW + dt.timedelta(hours=1)},
}  # fmt: skip


def add_rows(apps: Apps, *, using: str) -> uuid.UUID:
    """Add a row to each of our tables that `apps` knows, all of one new company; return its id.

    They refer to one another wherever they can. Triggers are off: an invoice is paid from the start.
    """
    made: dict[str, models.Model] = {}
    waiting = [model for model in own_models(apps) if model._meta.label not in SEEDED]
    with transaction.atomic(using=using):
        connections[using].cursor().execute("SET LOCAL session_replication_role = replica")
        while waiting:
            ready = [model for model in waiting if _named_by(model) <= made.keys()] or [
                model for model in waiting if _named_by(model, optional=False) <= made.keys()
            ]
            assert ready, f"these refer to one another in a ring: {[model._meta.label for model in waiting]}"
            for model in ready:
                made[model._meta.label] = _add(model, made, using)
                waiting.remove(model)
    return made["accounts.Company"].pk


def own_models(apps: Apps) -> list[type[models.Model]]:
    """Return the models of our apps that have a table."""
    return [
        model
        for model in apps.get_models()
        if model._meta.app_label in OWN_APPS and model._meta.managed and not model._meta.proxy
    ]


def _named_by(model: type[models.Model], *, optional: bool = True) -> set[str]:
    return {
        field.related_model._meta.label
        for field in model._meta.local_fields
        if field.is_relation and (optional or not field.null) and field.related_model is not model
    }


def _add(model: type[models.Model], made: dict[str, models.Model], using: str) -> models.Model:
    values = {}
    given = GIVEN.get(model._meta.label, {})
    for field in model._meta.local_fields:
        if field.name in given:
            value = given[field.name]
            values[field.name] = value() if callable(value) else value
        elif field.is_relation:
            values[field.name] = made.get(field.related_model._meta.label)
        elif not (
            field.has_default() or field.has_db_default() or field.null or isinstance(field, models.AutoField)
        ):
            values[field.name] = _value(field)
    row = model(**values)
    row.save(using=using, force_insert=True)
    return row


def _value(field: models.Field[Any, Any]) -> Any:
    if field.choices and not field.blank:
        return field.choices[0][0]
    return _SAMPLES[field.get_internal_type()](field)


_SAMPLES: dict[str, Any] = {
    "UUIDField": lambda field: new_id(),
    "CharField": lambda field: "" if field.blank else uuid.uuid4().hex[: field.max_length],
    "SlugField": lambda field: uuid.uuid4().hex,
    "EmailField": lambda field: f"{uuid.uuid4().hex}@example.com",
    "TextField": lambda field: "text",
    "BooleanField": lambda field: False,
    "DecimalField": lambda field: decimal.Decimal(1),
    "JSONField": lambda field: {},
    "DateTimeField": lambda field: NOW,
    "DateField": lambda field: NOW.date(),
    "BinaryField": lambda field: uuid.uuid4().bytes,
    "GenericIPAddressField": lambda field: "192.0.2.1",
    "ArrayField": lambda field: [0] * (field.size or 0),
} | dict.fromkeys(
    (
        "IntegerField", "SmallIntegerField", "BigIntegerField",
        "PositiveIntegerField", "PositiveSmallIntegerField", "PositiveBigIntegerField",
    ),
    lambda field: 1,
)  # fmt: skip
