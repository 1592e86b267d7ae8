"""What is to be sent, and what became of every try."""

from __future__ import annotations

from django.db import models

from core.models import OutboxEvent
from core.postgres.constraints import CompositeForeignKey
from core.postgres.orders import tenant_index
from core.tenancy import TenantForeignKey, TenantModel
from webhooks.models.endpoint import Endpoint


class EventBody(TenantModel):
    """What is signed and sent for one event: serialised once, whoever receives it and however often.

    An endpoint of an older version of the API gets it as that one shows it (webhooks.versions).
    """

    event = TenantForeignKey(OutboxEvent, on_delete=models.CASCADE, related_name="+", db_index=False)
    body = models.BinaryField()
    # The trace that its deliveries belong to, where tracing is on (core.tracing).
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
    """One event for one endpoint. The truth of what is still to be sent (docs/architecture.md, Webhooks).

    `due_at` is the only clock: when a waiting delivery is to be tried, or when the lease of one that is being sent runs
    out and another worker may take it. It is empty once nothing more is to happen. `attempts` counts claims and fences:
    a result is recorded only by the holder of the latest one. `failures` counts failed tries of the current series,
    which a resend starts anew.
    """

    id_prefix = "dlv"

    class Status(models.TextChoices):
        """`pending` waits for its first try, `retrying` for a further one."""

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
    manual = models.BooleanField(default=False)  # the current series was asked for by a person or a key
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
            # What is to be sent is there for as long as the delivery is; the body in turn has its event.
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
        # A delivery's life writes every index three times: there is none that only saves an idle moment's look.
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
    """One try of a delivery; never changed once written."""

    id_prefix = "att"

    class Trigger(models.TextChoices):
        """Why the try was made."""

        SCHEDULED = "scheduled", "Scheduled"
        MANUAL = "manual", "Manual"

    delivery = TenantForeignKey(Delivery, on_delete=models.CASCADE, related_name="tries", db_index=False)
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
