"""Where a company wants its events sent, and the secrets they are signed with."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from core.models import EVENT_POSITIONS
from core.postgres.constraints import CompositeForeignKey
from core.postgres.fields import LastValue
from core.postgres.orders import tenant_index
from core.tenancy import TenantForeignKey, TenantModel
from core.values import api_dates


class Endpoint(TenantModel):
    """A receiver of events. Soft-deleted, so that its deliveries still show where they were sent."""

    id_prefix = "we"

    class DisabledReason(models.TextChoices):
        """Why an endpoint was disabled."""

        MANUAL = "manual", "Switched off by a person or a key"
        GONE = "gone", "The receiver answered 410 Gone"
        FAILING = "failing", "No delivery succeeded for five days"

    url = models.CharField(max_length=2048)
    description = models.CharField(max_length=500, blank=True)
    events = ArrayField(models.CharField(max_length=64))
    # The date of the API version of its deliveries.
    api_version = models.CharField(max_length=10, db_default=api_dates.FIRST)
    headers = models.BinaryField()  # encrypted JSON: custom headers often carry a credential
    enabled = models.BooleanField(default=True)
    disabled_reason = models.CharField(max_length=16, choices=DisabledReason, null=True)  # noqa: DJ001
    disabled_at = models.DateTimeField(null=True)
    # The newest position when it subscribed or was enabled; it receives the events after it.
    subscribed_from = models.BigIntegerField(db_default=LastValue(EVENT_POSITIONS), editable=False)
    failing_since = models.DateTimeField(null=True)
    last_success_at = models.DateTimeField(null=True)
    notice_due = models.BooleanField(default=False)  # the notice to the owners that it was disabled is due
    updated = models.DateTimeField(db_default=Now())
    # Who created it and who last changed it, to find the endpoints of a leaked key.
    created_by = models.CharField(max_length=64, blank=True, db_default="")
    created_by_name = models.CharField(max_length=200, blank=True, db_default="")
    changed_by = models.CharField(max_length=64, blank=True, db_default="")
    changed_by_name = models.CharField(max_length=200, blank=True, db_default="")
    deleted_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [
            *TenantModel.Meta.constraints,
            models.CheckConstraint(
                condition=models.Q(enabled=True, disabled_reason__isnull=True, disabled_at__isnull=True)
                | models.Q(enabled=False, disabled_reason__isnull=False, disabled_at__isnull=False),
                name="webhooks_endpoint_disabled",
            ),
            models.CheckConstraint(condition=models.Q(events__len__gte=1), name="webhooks_endpoint_events"),
        ]
        indexes = [
            tenant_index(
                name="webhooks_endpoint_live",
                condition=models.Q(deleted_at__isnull=True),
            ),
            models.Index(fields=["id"], name="webhooks_endpoint_notice", condition=models.Q(notice_due=True)),
        ]

    def __str__(self) -> str:
        return self.url


class EndpointSecret(TenantModel):
    """A signing secret. The current one does not expire; after a rotation the old one keeps signing until it does."""

    id_prefix = "wsec"

    endpoint = TenantForeignKey(Endpoint, on_delete=models.CASCADE, related_name="secrets", db_index=False)
    secret = models.BinaryField()  # encrypted
    expires = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [
            *TenantModel.Meta.constraints,
            CompositeForeignKey(
                name="webhooks_endpointsecret_endpoint", fields="endpoint", to="webhooks.Endpoint"
            ),
            models.UniqueConstraint(
                fields=["company", "mode", "endpoint"],
                condition=models.Q(expires__isnull=True),
                name="webhooks_endpointsecret_current",
            ),
        ]
        indexes = [models.Index(fields=["endpoint", "-id"], name="webhooks_endpointsecret_newest")]

    def __str__(self) -> str:
        return self.public_id
