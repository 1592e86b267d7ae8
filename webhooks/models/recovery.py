"""Long-running recovery work requested by a person or a key, stored so that it survives crashes."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from core.models import EVENT_SEQUENCE
from core.postgres.constraints import CompositeForeignKey
from core.postgres.fields import LastValue
from core.postgres.orders import tenant_index
from core.tenancy import TenantForeignKey, TenantModel
from webhooks.models.endpoint import Endpoint


class RecoveryJob(TenantModel):
    """Sends an endpoint the events it missed, in small transactions.

    `recover` resends failed deliveries of a period in the order of their ids; `cursor` is the last one processed.
    `replay_missing` creates deliveries for events that have none because the endpoint did not exist, was disabled or was
    not subscribed at the time, in the order of their positions; `position` is the last one processed.

    Events that were unrelayed when the job started have a `sequence` up to `began_at_sequence`, and a position after
    `began_at_position` or none yet. They are included in the total, and the job does not finish until they are relayed.
    """

    id_prefix = "wrec"

    class Kind(models.TextChoices):
        """What the job recovers."""

        RECOVER = "recover", "Resend failed deliveries"
        REPLAY_MISSING = "replay_missing", "Send events the endpoint never got"

    class Status(models.TextChoices):
        """A running job is continued by the next worker that checks."""

        RUNNING = "running", "Running"
        DONE = "done", "Done"
        CANCELED = "canceled", "Canceled"

    endpoint = TenantForeignKey(Endpoint, on_delete=models.CASCADE, related_name="recoveries", db_index=False)
    kind = models.CharField(max_length=14, choices=Kind)
    status = models.CharField(max_length=8, choices=Status, default=Status.RUNNING)
    since = models.DateTimeField()
    until = models.DateTimeField()
    cursor = models.UUIDField(null=True)
    examined = models.PositiveIntegerField(default=0)
    queued = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    position = models.BigIntegerField(default=0)
    began_at_sequence = models.BigIntegerField(db_default=LastValue(EVENT_SEQUENCE), editable=False)
    began_at_position = models.BigIntegerField(default=0, editable=False)
    checked_at = models.DateTimeField(db_default=Now())  # the job that has waited longest is next
    finished_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [
            *TenantModel.Meta.constraints,
            CompositeForeignKey(
                name="webhooks_recoveryjob_endpoint_fk", fields="endpoint", to="webhooks.Endpoint"
            ),
            models.CheckConstraint(
                condition=models.Q(since__lt=models.F("until")), name="webhooks_recoveryjob_period"
            ),
            models.UniqueConstraint(
                fields=["company", "mode", "endpoint"],
                condition=models.Q(status="running"),
                name="webhooks_recoveryjob_running",
            ),
        ]
        indexes = [
            tenant_index("endpoint", name="webhooks_recoveryjob_newest"),
            models.Index(
                fields=["checked_at"], name="webhooks_recoveryjob_next", condition=models.Q(status="running")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.public_id}"
