"""Audit's endpoints: each parses, calls one selector, and renders."""

import uuid
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from audit import representations, selectors, usage
from audit.api.filters import AuditEntryFilter, RequestLogFilter
from audit.api.serializers import (
    AuditEntryOutput,
    RequestAnalyticsInput,
    RequestAnalyticsOutput,
    RequestLogOutput,
)
from audit.models import AuditEntry, RequestLog
from audit.windows import paginate_log
from core import clock
from core.api.access import ApiRequest
from core.api.filters import known_parameters
from core.api.pagination import PAGE_PARAMETERS, CursorPagination, Page
from core.api.views import APIView, GenericViewSet
from core.clock import rfc3339
from core.errors import FieldError, FieldErrors
from core.values import ids

STEPS = {"hour": timedelta(hours=1), "day": timedelta(days=1)}
MAX_STEPS = 750


class LogPagination(CursorPagination):
    """Reads partitioned tables a window of time after the other."""

    parameters = PAGE_PARAMETERS

    def find_page(self, queryset: QuerySet[Any], request: Request) -> Page:
        """Return the page of `queryset` that `request` asks for; raises FieldErrors for a bad limit or cursor."""
        return paginate_log(queryset, request)


class AuditEntryViewSet(GenericViewSet):
    """`/v1/audit_entries`: who did what."""

    scopes = {"list": "audit:read", "retrieve": "audit:read"}
    filterset_class = AuditEntryFilter
    pagination_class = LogPagination

    @extend_schema(operation_id="list_audit_entries", responses=AuditEntryOutput(many=True))
    def list(self, request: ApiRequest) -> Response:
        """List audit entries, newest first. Values that changed are null to a key that may not read the target."""
        represent = partial(representations.audit_entry_for, reader=request.user)
        return self.page(AuditEntry.objects.all(), represent)

    @extend_schema(operation_id="retrieve_audit_entry", responses=AuditEntryOutput)
    def retrieve(self, request: ApiRequest, id: str) -> Response:
        """Read an audit entry. Values that changed are null to a key that may not read the target."""
        return Response(representations.audit_entry_for(selectors.get_entry(id), request.user))


class RequestLogViewSet(GenericViewSet):
    """`/v1/request_logs`: every request, with the reason where one was refused."""

    scopes = {"list": "audit:read", "retrieve": "audit:read"}
    filterset_class = RequestLogFilter
    pagination_class = LogPagination

    @extend_schema(operation_id="list_request_logs", responses=RequestLogOutput(many=True))
    def list(self, request: ApiRequest) -> Response:
        """List requests, newest first. A request appears here within a few seconds."""
        return self.page(RequestLog.objects.all(), representations.request_log)

    @extend_schema(operation_id="retrieve_request_log", responses=RequestLogOutput)
    def retrieve(self, request: ApiRequest, id: str) -> Response:
        """Read a request by the id that its answer carried in `X-Request-Id`."""
        return Response(representations.request_log(selectors.get_request(id)))


class RequestAnalytics(APIView):
    """Usage from the hourly roll-ups."""

    scopes = {"GET": "analytics:read"}

    @extend_schema(
        operation_id="read_request_analytics",
        parameters=[RequestAnalyticsInput],
        responses=RequestAnalyticsOutput,
    )
    def get(self, request: ApiRequest) -> Response:
        """Count requests and errors and read latencies: by hour or day, by key, or by route. Default: the last 24 hours."""
        known_parameters(request.query_params, frozenset(RequestAnalyticsInput().fields))
        bound = RequestAnalyticsInput(data=request.query_params.dict())
        bound.is_valid(raise_exception=True)
        asked = bound.validated_data
        interval: str = asked["interval"]
        since, until = _period(asked.get("since"), asked.get("until"), interval)
        if asked["group_by"] == "time":
            rows = usage.usage_over_time(
                since=since,
                until=until,
                step=STEPS[interval],
                key=_key(asked.get("key")),
                route=asked.get("route", ""),
            )
        else:
            rows = usage.usage_by(asked["group_by"], since=since, until=until, limit=100)
        return Response(
            {
                "object": "request_analytics",
                "since": rfc3339(since),
                "until": rfc3339(until),
                "interval": interval,
                "data": [representations.usage(row) for row in rows],
            }
        )


def _period(since: datetime | None, until: datetime | None, interval: str) -> tuple[datetime, datetime]:
    """Return whole steps that cover what was asked for; raises FieldErrors for more than MAX_STEPS or none."""
    step = STEPS[interval]
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    end = until or clock.now()
    begin = since or end - timedelta(days=1 if interval == "hour" else 30)
    if begin >= end:
        raise FieldErrors([FieldError("since", "invalid", "Must be before `until`.")])
    if (end - begin) / step > MAX_STEPS:
        raise FieldErrors(
            [FieldError("since", "too_long", f"At most {MAX_STEPS} {interval}s can be returned at once.")]
        )
    if begin < epoch:
        raise FieldErrors([FieldError("since", "invalid", "Must be after 1970.")])
    return epoch + step * ((begin - epoch) // step), epoch + step * -((epoch - end) // step)


def _key(text: str | None) -> uuid.UUID | None:
    try:
        return ids.decode("key", text) if text else None
    except ids.InvalidId as error:
        raise FieldErrors([FieldError("key", "invalid", f"Not a Client ID: {error}.")]) from error
