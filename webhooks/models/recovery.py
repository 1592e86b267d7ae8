"""Work that a person or a key asked for and that takes a while: it is kept here so that no crash loses it."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from core.constraints import CompositeForeignKey
from core.fields import TransactionIdField
from core.tenancy import TenantForeignKey, TenantModel
from webhooks.models.endpoint import Endpoint


class RecoveryJob(TenantModel):
    """Sends an endpoint what it did not get. Walks in id order in small transactions; `cursor` is where it stands.

    `recover` sends failed deliveries of a period again; `replay_missing` also makes deliveries of events that have
    none, because the endpoint did not exist, was switched off or did not subscribe to them then.
    """

    id_prefix = "wrec"

    class Kind(models.TextChoices):
        """What is looked for."""

        RECOVER = "recover", "Resend failed deliveries"
        REPLAY_MISSING = "replay_missing", "Send events the endpoint never got"

    class Status(models.TextChoices):
        """A running job is continued by whichever worker looks next."""

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
    started_in = TransactionIdField()
    checked_at = models.DateTimeField(db_default=Now())  # the job that waited longest is next
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
            models.Index(
                fields=["checked_at"], name="webhooks_recoveryjob_next", condition=models.Q(status="running")
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.public_id}"
