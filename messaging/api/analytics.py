"""`GET /v1/analytics/messages`: statistics by hour or day, channel and tag."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from core import clock
from core.api.access import ApiRequest
from core.api.fields import MomentField
from core.api.filters import known_parameters
from core.api.serializers import StrictSerializer
from core.api.views import APIView
from core.clock import rfc3339
from core.errors import FieldError, FieldErrors
from messaging.channels import channels
from messaging.selectors.analytics import (
    LONGEST,
    STATUSES,
    Analytics,
    Interval,
    ceiling,
    describe_latency,
    floor,
    read_analytics,
)

DEFAULT_PERIOD = timedelta(days=7)
# Far from the limits of the calendar, where date arithmetic fails.
YEARS = range(2000, 2200)


class AnalyticsQuery(StrictSerializer):
    """Query parameters of `GET /v1/analytics/messages`."""

    since = MomentField(required=False, help_text="Start of the period (default: seven days before `until`)")
    until = MomentField(required=False, help_text="End of the period (default: now)")
    interval = serializers.ChoiceField(choices=["hour", "day"], required=False, default="day")
    channel = serializers.ChoiceField(choices=sorted(channels()), required=False)
    tag = serializers.CharField(max_length=50, required=False)


class MessageCountsOutput(serializers.Serializer):
    """The number of recipients by status."""

    queued = serializers.IntegerField()
    sent = serializers.IntegerField()
    delivered = serializers.IntegerField()
    bounced = serializers.IntegerField()
    complained = serializers.IntegerField()
    failed = serializers.IntegerField()
    suppressed = serializers.IntegerField()
    canceled = serializers.IntegerField()


class MessagePercentilesOutput(serializers.Serializer):
    """Milliseconds from the due time of a message; null without data."""

    p50 = serializers.IntegerField(allow_null=True)
    p95 = serializers.IntegerField(allow_null=True)
    p99 = serializers.IntegerField(allow_null=True)


class MessageLatencyOutput(serializers.Serializer):
    """The time until the provider accepted a message, and until it was delivered."""

    sent = MessagePercentilesOutput()
    delivered = MessagePercentilesOutput()


class MessageRatesOutput(serializers.Serializer):
    """Rates from 0 to 1; null without data."""

    delivery = serializers.FloatField(allow_null=True)
    bounce = serializers.FloatField(allow_null=True)
    complaint = serializers.FloatField(allow_null=True)


class MessageChannelTotalsOutput(serializers.Serializer):
    """The totals of one channel."""

    channel = serializers.CharField()
    totals = MessageCountsOutput()


class MessageTagTotalsOutput(serializers.Serializer):
    """The totals of one tag; only the 50 busiest are listed."""

    tag = serializers.CharField()
    totals = MessageCountsOutput()


class MessageSlotOutput(serializers.Serializer):
    """One hour or UTC day."""

    start = serializers.DateTimeField()
    totals = MessageCountsOutput()
    latency_ms = MessagePercentilesOutput()


class MessageAnalyticsOutput(serializers.Serializer):
    """Message statistics."""

    object = serializers.ChoiceField(choices=["message_analytics"])
    mode = serializers.ChoiceField(choices=["live", "test"])
    since = serializers.DateTimeField()
    until = serializers.DateTimeField()
    interval = serializers.ChoiceField(choices=["hour", "day"])
    channel = serializers.CharField(allow_null=True)
    tag = serializers.CharField(allow_null=True)
    totals = MessageCountsOutput()
    rates = MessageRatesOutput()
    latency_ms = MessageLatencyOutput()
    channels = MessageChannelTotalsOutput(many=True)
    tags = MessageTagTotalsOutput(many=True)

    def get_fields(self) -> dict[str, serializers.Field]:
        """Add `data`, which is a name used by serializers themselves."""
        return {**super().get_fields(), "data": MessageSlotOutput(many=True)}


class MessageAnalytics(APIView):
    """Message statistics."""

    scopes = {"GET": "analytics:read"}

    @extend_schema(
        operation_id="read_message_analytics", parameters=[AnalyticsQuery], responses=MessageAnalyticsOutput
    )
    def get(self, request: ApiRequest) -> Response:
        """Count recipients by status, channel and tag, by hour (up to 31 days) or UTC day (up to 400)."""
        names = frozenset(AnalyticsQuery().fields)
        known_parameters(request.query_params, names)
        bound = AnalyticsQuery(data=request.query_params.dict())
        bound.is_valid(raise_exception=True)
        query = bound.validated_data
        strange = [name for name in ("since", "until") if name in query and query[name].year not in YEARS]
        if strange:
            raise FieldErrors(
                [FieldError(name, "out_of_range", "No data is kept for this time.") for name in strange]
            )
        interval: Interval = query["interval"]
        end = query.get("until") or clock.now()
        start = query.get("since") or end - DEFAULT_PERIOD
        if start >= end:
            raise FieldErrors([FieldError("since", "after_until", "Must be before `until`.")])
        if ceiling(end, interval) - floor(start, interval) > LONGEST[interval] + timedelta(days=1):
            longest = f"At most {LONGEST[interval].days} days by {interval} can be returned."
            raise FieldErrors([FieldError("since", "too_long_ago", longest)])
        channel, tag = query.get("channel"), query.get("tag")
        found = read_analytics(start=start, end=end, interval=interval, channel=channel, tag=tag)
        return Response(represent(found, mode=request.auth.tenant.mode, channel=channel, tag=tag))


def represent(found: Analytics, *, mode: str | None, channel: str | None, tag: str | None) -> dict[str, Any]:
    """Return the public form of the statistics."""
    return {
        "object": "message_analytics",
        "mode": mode,
        "since": rfc3339(found.start),
        "until": rfc3339(found.end),
        "interval": found.interval,
        "channel": channel,
        "tag": tag,
        "totals": _counts(found.totals),
        "rates": found.rates,
        "latency_ms": {status: describe_latency(steps) for status, steps in found.latency.items()},
        "channels": [
            {"channel": name, "totals": _counts(counts)} for name, counts in sorted(found.by_channel.items())
        ],
        "tags": [{"tag": name, "totals": _counts(counts)} for name, counts in found.by_tag.items()],
        "data": [
            {
                "start": rfc3339(slot.start),
                "totals": _counts(slot.counts),
                "latency_ms": describe_latency(slot.latency),
            }
            for slot in found.slots
        ],
    }


def _counts(counts: Mapping[str, int]) -> dict[str, int]:
    return {status: counts.get(status, 0) for status in STATUSES}
