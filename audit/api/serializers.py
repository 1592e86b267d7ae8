"""What audit's endpoints answer, for the OpenAPI document."""

from typing import Any, ClassVar

from rest_framework import serializers

from core.api.fields import MomentField
from core.api.patterns import id_pattern
from core.api.schema_enums import name_values
from core.api.serializers import StrictSerializer


class AuditActorOutput(serializers.Serializer):
    """Who acted."""

    type = serializers.ChoiceField(choices=["key", "user", "staff", "system"])
    id = serializers.CharField()
    name = serializers.CharField()


class AuditTargetOutput(serializers.Serializer):
    """What was acted on."""

    type = serializers.CharField()
    id = serializers.CharField()


class AuditEntryOutput(serializers.Serializer):
    """An audit entry."""

    id = serializers.CharField()
    object = serializers.ChoiceField(choices=["audit_entry"])
    mode = serializers.ChoiceField(choices=["live", "test"])
    action = serializers.CharField()
    actor = AuditActorOutput()
    target = AuditTargetOutput()
    ip = serializers.CharField(allow_null=True)
    user_agent = serializers.CharField()
    request_id = serializers.CharField(allow_null=True)
    changes = serializers.DictField()
    detail = serializers.DictField()
    created = serializers.DateTimeField()


class ApiKeyReferenceOutput(serializers.Serializer):
    """A key by its Client ID and the name it had."""

    id = serializers.CharField()
    name = serializers.CharField()


class RequestDecisionOutput(serializers.Serializer):
    """One decision of the guard, or one refused field of the body, which names it and the code of the refusal."""

    check = serializers.CharField()
    passed = serializers.BooleanField()
    detail = serializers.CharField()
    fix = serializers.CharField()
    field = serializers.CharField(required=False)
    code = serializers.CharField(required=False)


class RequestLogOutput(serializers.Serializer):
    """A logged request."""

    id = serializers.CharField()
    object = serializers.ChoiceField(choices=["request_log"])
    mode = serializers.ChoiceField(choices=["live", "test"])
    method = serializers.CharField()
    route = serializers.CharField()
    path = serializers.CharField()
    status = serializers.IntegerField()
    duration_ms = serializers.FloatField()
    request_bytes = serializers.IntegerField()
    response_bytes = serializers.IntegerField(help_text="Before compression.")
    key = ApiKeyReferenceOutput(allow_null=True)
    ip = serializers.CharField(allow_null=True)
    user_agent = serializers.CharField()
    refused_by = serializers.CharField(allow_null=True)
    trace = RequestDecisionOutput(many=True, allow_null=True)
    client_request_id = serializers.CharField(
        allow_null=True, help_text="The client's own ID, sent as `X-Request-Id` or `X-Client-Request-Id`."
    )
    traceparent = serializers.CharField(
        allow_null=True, help_text="The trace the request is part of (W3C Trace Context)."
    )
    created = serializers.DateTimeField()


class RequestLatencyOutput(serializers.Serializer):
    """Latency percentiles in milliseconds, within 19 %; null without requests."""

    p50 = serializers.FloatField(allow_null=True)
    p95 = serializers.FloatField(allow_null=True)
    p99 = serializers.FloatField(allow_null=True)


class RequestUsageOutput(serializers.Serializer):
    """What one step of time, one key or one route added up to."""

    start = serializers.DateTimeField(required=False)
    key = ApiKeyReferenceOutput(required=False)
    route = serializers.CharField(required=False)
    requests = serializers.IntegerField()
    client_errors = serializers.IntegerField()
    server_errors = serializers.IntegerField()
    refused = serializers.IntegerField()
    response_bytes = serializers.IntegerField()
    latency_ms = RequestLatencyOutput()


class RequestAnalyticsOutput(serializers.Serializer):
    """Usage of a period."""

    object = serializers.ChoiceField(choices=["request_analytics"])
    since = serializers.DateTimeField()
    until = serializers.DateTimeField()
    interval = serializers.ChoiceField(choices=["hour", "day"])
    data = RequestUsageOutput(many=True)  # type: ignore[assignment]


class ClientIdField(serializers.CharField):
    """The Client ID of a key."""

    json_schema: ClassVar[dict[str, Any]] = {"pattern": id_pattern("key")}


GROUPINGS = ["time", "key", "route"]
name_values("RequestAnalyticsGrouping", GROUPINGS)


class RequestAnalyticsInput(StrictSerializer):
    """The query of `GET /v1/analytics/requests`."""

    since = MomentField(
        required=False, help_text="Start of the period (default: 24 hours before `until`; by day, 30 days)"
    )
    until = MomentField(required=False, help_text="End of the period (default: now)")
    interval = serializers.ChoiceField(choices=["hour", "day"], default="hour")
    group_by = serializers.ChoiceField(choices=GROUPINGS, default="time")
    key = ClientIdField(max_length=64, required=False, help_text="Only requests with this Client ID")
    route = serializers.CharField(
        max_length=200, required=False, help_text="Only requests to this route: `/v1/customers/{id}`"
    )
