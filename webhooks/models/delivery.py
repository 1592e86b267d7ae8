"""Deliveries, their bodies and their attempts."""

from __future__ import annotations

from django.db import models

from core.models import OutboxEvent
from core.postgres.constraints import CompositeForeignKey
from core.postgres.orders import tenant_index
from core.tenancy import TenantForeignKey, TenantModel
from webhooks.models.endpoint import Endpoint


class EventBody(TenantModel):
    """The body that is signed and sent for one event, serialised once for all endpoints and attempts.

    An endpoint on an older API version gets it converted to that version (webhooks.versions).
    """

    event = TenantForeignKey(OutboxEvent, on_delete=models.CASCADE, related_name="+", db_index=False)
    body = models.BinaryField()
    # The trace that its deliveries belong to, if tracing is on (core.tracing).
    traceparent = models.CharField(max_length=55, null=True, editable=False)  # noqa: DJ001 - a NULL takes no room in the row

    class Meta(TenantModel.Meta):
        constraints = [
            *TenantModel.Meta.constraints,
            CompositeForeignKey(name="webhooks_eventbody_event_fk", fields="event", to="core.OutboxEvent"),
            models.UniqueConstraint(fields=["company", "mode", "event"], name="webhooks_eventbody_event"),
        ]

    def __str__(self) -> str:
        return str(self.event_id)


class Delivery(TenantModel):
    """One event for one endpoint. The source of truth for what is still to be sent (docs/architecture.md, Webhooks).

    `due_at` is the only clock: when the next attempt of a waiting delivery is due, or when the lease of one that is being
    sent expires and another worker may claim it. It is null once the delivery has ended. `attempts` counts claims and is
    the fencing token: only the holder of the latest claim may record a result. `failures` counts failed attempts of the
    current series; a resend resets it.
    """

    id_prefix = "dlv"

    class Status(models.TextChoices):
        """`pending` waits for its first attempt, `retrying` for another one."""

        PENDING = "pending", "Pending"
        SENDING = "sending", "Sending"
        RETRYING = "retrying", "Retrying"
        SUCCEEDED = "succeeded", "Succeeded"
        EXHAUSTED = "exhausted", "Exhausted"
        CANCELED = "canceled", "Canceled"

    endpoint = TenantForeignKey(Endpoint, on_delete=models.CASCADE, related_name="deliveries", db_index=False)
    event = TenantForeignKey(OutboxEvent, on_delete=models.CASCADE, related_name="+", db_index=False)
    event_type = models.CharField(max_length=64)
    status = models.CharField(max_length=9, choices=Status, default=Status.PENDING)
    due_at = models.DateTimeField(null=True)
    attempts = models.PositiveIntegerField(default=0)
    failures = models.PositiveSmallIntegerField(default=0)
    manual = models.BooleanField(default=False)  # the current series was requested by a person or a key
    last_status_code = models.PositiveSmallIntegerField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        verbose_name_plural = "deliveries"
        permissions = [("resend_delivery", "Can send a company's delivery again")]
        constraints = [
            *TenantModel.Meta.constraints,
            CompositeForeignKey(
                name="webhooks_delivery_endpoint_fk", fields="endpoint", to="webhooks.Endpoint"
            ),
            # The body exists for as long as the delivery, and the event for as long as the body.
            CompositeForeignKey(
                name="webhooks_delivery_body_fk", fields="event", to="webhooks.EventBody", to_field="event"
            ),
            models.UniqueConstraint(
                fields=["company", "mode", "event", "endpoint"], name="webhooks_delivery_once"
            ),
            models.CheckConstraint(
                condition=models.Q(status__in=["pending", "sending", "retrying"], due_at__isnull=False)
                | models.Q(status__in=["succeeded", "exhausted", "canceled"], due_at__isnull=True),
                name="webhooks_delivery_clock",
            ),
        ]
        # A delivery updates every index three times, so there are no indexes just to speed up idle polling.
        indexes = [
            models.Index(
                fields=["endpoint", "due_at"],
                name="webhooks_delivery_due",
                condition=models.Q(due_at__isnull=False),
            ),
            models.Index(
                fields=["endpoint"], name="webhooks_delivery_sending", condition=models.Q(status="sending")
            ),
            tenant_index(name="webhooks_delivery_newest"),
            tenant_index("endpoint", name="webhooks_delivery_by_endpoint"),
            tenant_index("status", name="webhooks_delivery_by_status"),
            tenant_index("event_type", name="webhooks_delivery_by_type"),
        ]

    def __str__(self) -> str:
        return f"{self.event_type} {self.public_id}"


class Attempt(TenantModel):
    """One attempt of a delivery. Never changed once written."""

    id_prefix = "att"

    class Trigger(models.TextChoices):
        """Why the attempt was made."""

        SCHEDULED = "scheduled", "Scheduled"
        MANUAL = "manual", "Manual"

    delivery = TenantForeignKey(
        Delivery, on_delete=models.CASCADE, related_name="attempt_rows", db_index=False
    )
    number = models.PositiveIntegerField()
    trigger = models.CharField(max_length=9, choices=Trigger)
    url = models.CharField(max_length=2048)
    status_code = models.PositiveSmallIntegerField(null=True)
    duration_ms = models.PositiveIntegerField()
    error = models.CharField(max_length=32, blank=True)
    response_headers = models.JSONField(default=dict)
    response_body = models.TextField(blank=True)
    next_attempt_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [
            *TenantModel.Meta.constraints,
            CompositeForeignKey(
                name="webhooks_attempt_delivery_fk", fields="delivery", to="webhooks.Delivery"
            ),
            models.UniqueConstraint(
                fields=["company", "mode", "delivery", "number"], name="webhooks_attempt_number"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.public_id} ({self.status_code or self.error})"
