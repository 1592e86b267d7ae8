"""The kernel's tables: the outbox of events and the answers to idempotent writes."""

from datetime import timedelta
from typing import Any

from django.db import models

from core import clock
from core.fields import TransactionIdField
from core.tenancy import TenantModel

IDEMPOTENCY_KEPT_FOR = timedelta(hours=24)


class OutboxEvent(TenantModel):
    """Something that happened, written in the transaction that made it happen. It is what `GET /v1/events` lists."""

    id_prefix = "evt"

    type = models.CharField(max_length=64)
    object_id = models.CharField(max_length=64)
    data = models.JSONField()
    public = models.BooleanField()
    transaction_id = TransactionIdField()
    relayed_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [*TenantModel.Meta.constraints]
        indexes = [
            models.Index(
                fields=["id"], name="core_outboxevent_waiting", condition=models.Q(relayed_at__isnull=True)
            ),
            # `GET /v1/events` reads in the order of transactions, which nothing can be put in front of later.
            models.Index(fields=["company", "mode", "transaction_id", "id"], name="core_outboxevent_order"),
            models.Index(
                fields=["company", "mode", "type", "transaction_id", "id"], name="core_outboxevent_type"
            ),
            models.Index(fields=["company", "mode", "object_id", "id"], name="core_outboxevent_object"),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.public_id}"


def _idempotency_expiry() -> Any:
    return clock.now() + IDEMPOTENCY_KEPT_FOR


class IdempotencyRecord(TenantModel):
    """The stored answer to a write that carried an Idempotency-Key (DESIGN §7)."""

    key = models.CharField(max_length=255)
    fingerprint = models.BinaryField(max_length=32)
    status = models.PositiveSmallIntegerField()
    headers = models.JSONField(default=dict)
    body = models.BinaryField()  # encrypted: answers may carry secrets, such as a webhook's
    expires = models.DateTimeField(default=_idempotency_expiry)

    class Meta(TenantModel.Meta):
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(fields=["company", "mode", "key"], name="core_idempotencyrecord_key"),
        ]
        indexes = [models.Index(fields=["expires"], name="core_idempotencyrecord_expires")]

    def __str__(self) -> str:
        return self.key
