"""The request log and its hourly roll-ups, written in batches by audit.ingest and otherwise read-only (docs/architecture.md, Audit)."""

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models

from audit.days import moment_of
from audit.latency import LATENCY
from audit.outcomes import OUTCOMES
from core import clock
from core.tenancy import TenantModel
from core.values import ids


class RequestColumns(models.Model):
    """The columns of every request. `id` is the request's own id, which makes redeliveries idempotent."""

    method = models.CharField(max_length=8)
    route = models.CharField(max_length=200)
    path = models.CharField(max_length=500, db_collation="C")
    status = models.PositiveSmallIntegerField()
    duration_us = models.PositiveIntegerField()
    request_bytes = models.PositiveIntegerField()
    response_bytes = models.PositiveIntegerField()
    ip = models.GenericIPAddressField(null=True)
    user_agent = models.CharField(max_length=300)
    refused_by = models.CharField(max_length=64)
    trace = models.JSONField(null=True)
    # The client's own request id (`X-Request-Id`), and its trace (W3C Trace Context, version 00).
    client_request_id = models.CharField(max_length=100, default="", db_default="", db_collation="C")
    traceparent = models.CharField(max_length=55, default="", db_default="", db_collation="C")

    id_prefix = "req"

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.method} {self.path} {self.status}"

    @property
    def duration_ms(self) -> float:
        """The response time in milliseconds."""
        return self.duration_us / 1000

    @property
    def arrived(self) -> Any:
        """When the request arrived, derived from its id."""
        return moment_of(self.pk)


class RequestLog(RequestColumns, TenantModel):
    """A request whose credential belongs to a company, admitted or refused. Partitioned by day.

    `key` is the Client ID's UUID; the key's name is copied, because keys get renamed.
    """

    company = models.ForeignKey(
        "accounts.Company", on_delete=models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False
    )
    created = None  # type: ignore[assignment]  # the identifier says it
    key = models.UUIDField(null=True)
    key_name = models.CharField(max_length=100)

    class Meta(TenantModel.Meta):
        verbose_name = "request"
        constraints = [*TenantModel.Meta.constraints]
        # Each ends in `id`, so that an index range scan returns a page newest first. Those on failures are small.
        indexes = [
            models.Index(fields=["company", "mode", "key", "id"], name="audit_request_key"),
            models.Index(fields=["company", "mode", "route", "id"], name="audit_request_route"),
            models.Index(fields=["company", "mode", "status", "id"], name="audit_request_status"),
            models.Index(fields=["company", "mode", "ip", "id"], name="audit_request_ip"),
            models.Index(fields=["company", "mode", "path", "id"], name="audit_request_path"),
            models.Index(
                fields=["company", "mode", "client_request_id", "id"],
                name="audit_request_client_id",
                condition=models.Q(client_request_id__gt=""),
            ),
            models.Index(
                fields=["company", "mode", "traceparent", "id"],
                name="audit_request_traceparent",
                condition=models.Q(traceparent__gt=""),
            ),
            models.Index(
                fields=["company", "mode", "id"],
                name="audit_request_4xx",
                condition=models.Q(status__gte=400, status__lt=500),
            ),
            # With the key at the end, one key's failures are filtered in the index, without fetching other rows.
            models.Index(
                fields=["company", "mode", "id", "key"],
                name="audit_request_5xx",
                condition=models.Q(status__gte=500),
            ),
        ]

    @property
    def client_id(self) -> str:
        """The key's Client ID; empty without one."""
        return ids.encode("key", self.key) if self.key is not None else ""


class UnownedRequest(RequestColumns):
    """A request without a valid credential, visible to staff only. Partitioned by day."""

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)

    class Meta:
        verbose_name = "request without a company"
        verbose_name_plural = "requests without a company"
        indexes = [models.Index(fields=["ip", "id"], name="audit_unownedrequest_ip")]

    @property
    def public_id(self) -> str:
        """The identifier that people see."""
        return ids.encode(self.id_prefix, self.id)


class RequestRollup(TenantModel):
    """One hour of one key on one route. Charts and `GET /v1/analytics/requests` read this instead of the log."""

    company = models.ForeignKey(
        "accounts.Company", on_delete=models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False
    )
    created = None  # type: ignore[assignment]
    hour = models.DateTimeField()
    key = models.UUIDField(null=True)
    key_name = models.CharField(max_length=100)
    method = models.CharField(max_length=8)
    route = models.CharField(max_length=200)
    requests = models.BigIntegerField()
    client_errors = models.BigIntegerField()
    server_errors = models.BigIntegerField()
    refused = models.BigIntegerField()
    duration_us = models.BigIntegerField()
    response_bytes = models.BigIntegerField()
    latency = ArrayField(models.BigIntegerField(), size=LATENCY.buckets)

    class Meta(TenantModel.Meta):
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(
                fields=["company", "mode", "hour", "key", "method", "route"],
                name="audit_requestrollup_cell",
                nulls_distinct=False,
            ),
        ]
        # For loose index scans over routes and keys (audit.usage).
        indexes = [
            models.Index(fields=["company", "mode", "route", "hour"], name="audit_rollup_route"),
            models.Index(fields=["company", "mode", "key", "hour"], name="audit_rollup_key"),
            # The oldest of all companies, which go first (audit.retention).
            models.Index(fields=["hour"], name="audit_rollup_hour"),
        ]

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H}h {self.method} {self.route}"


class UsageRollup(TenantModel):
    """An hour or a day of everything, or of one key, route or status. The usage pages read this.

    `RequestRollup` has a row per key and route, hundreds of thousands in a month; with this, a page sums only tens of rows.
    """

    class Grains(models.TextChoices):
        HOUR = "hour"
        DAY = "day"

    class Dimensions(models.TextChoices):
        ALL = "all"
        KEY = "key"
        ROUTE = "route"
        STATUS = "status"

    company = models.ForeignKey(
        "accounts.Company", on_delete=models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False
    )
    created = None  # type: ignore[assignment]
    grain = models.CharField(max_length=4, choices=Grains)
    start = models.DateTimeField()
    dimension = models.CharField(max_length=6, choices=Dimensions)
    # The Client ID's UUID in hexadecimal, "GET /v1/customers", "404"; empty for everything.
    value = models.CharField(max_length=210)
    # The newest name of the key; empty for other dimensions.
    name = models.CharField(max_length=100)
    outcomes = ArrayField(models.BigIntegerField(), size=len(OUTCOMES))
    response_bytes = models.BigIntegerField()
    latency = ArrayField(models.BigIntegerField(), size=LATENCY.buckets)

    class Meta(TenantModel.Meta):
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(
                fields=["company", "mode", "grain", "dimension", "value", "start"],
                name="audit_usagerollup_cell",
            ),
        ]
        indexes = [
            models.Index(fields=["company", "mode", "grain", "dimension", "start"], name="audit_usage_start"),
            # The oldest of all companies, which go first (audit.retention).
            models.Index(fields=["start"], name="audit_usage_oldest"),
        ]

    def __str__(self) -> str:
        return f"{self.start:%Y-%m-%d %H}h {self.grain} {self.dimension} {self.value}"


class UnownedCount(models.Model):
    """Requests without a company per hour, by the reason of the refusal.

    Requests beyond an address's failure limit are not stored individually, so that a flood cannot fill the disk.
    """

    hour = models.DateTimeField()
    refused_by = models.CharField(max_length=64)
    requests = models.BigIntegerField()
    first_seen = models.DateTimeField(default=clock.now)

    class Meta:
        verbose_name = "hourly count without a company"
        verbose_name_plural = "hourly counts without a company"
        constraints = [models.UniqueConstraint(fields=["hour", "refused_by"], name="audit_unownedcount_cell")]

    def __str__(self) -> str:
        return f"{self.requests} × {self.refused_by}"
