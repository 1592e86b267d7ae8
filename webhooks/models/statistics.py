"""Counts per endpoint and hour, so that pages need not count attempts."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from core.postgres.constraints import CompositeForeignKey
from core.tenancy import TenantForeignKey, TenantModel
from core.values.latency import LatencyScale
from webhooks.models.endpoint import Endpoint

LATENCY = LatencyScale((25, 50, 100, 250, 500, 1000, 2500, 5000, 10000))


class EndpointHour(TenantModel):
    """The attempts of one hour: how many succeeded and failed, and how long they took."""

    endpoint = TenantForeignKey(Endpoint, on_delete=models.CASCADE, related_name="hours", db_index=False)
    hour = models.DateTimeField()
    succeeded = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    latency = ArrayField(models.PositiveIntegerField(), size=LATENCY.buckets)

    class Meta(TenantModel.Meta):
        constraints = [
            *TenantModel.Meta.constraints,
            CompositeForeignKey(
                name="webhooks_endpointhour_endpoint_fk", fields="endpoint", to="webhooks.Endpoint"
            ),
            models.UniqueConstraint(
                fields=["company", "mode", "endpoint", "hour"], name="webhooks_endpointhour_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.endpoint_id} {self.hour:%Y-%m-%dT%H}"
