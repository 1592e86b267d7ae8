"""Filters of audit's lists. The selectors apply them, each with the help of an index."""

from typing import Any

import django_filters
from django.db.models import QuerySet

from audit import selectors
from audit.models import AuditEntry, RequestLog
from core.api.filters import MomentFilter, PatternFilter
from core.api.patterns import ADDRESS_OR_NETWORK, STATUS_OR_CLASS, TRACE_ID, id_pattern


class AuditEntryFilter(django_filters.FilterSet):
    """Filters of `GET /v1/audit_entries`."""

    action = django_filters.CharFilter(
        max_length=64, help_text="An action such as `api_key.created`, or all on a resource: `api_key.*`."
    )
    actor = django_filters.CharFilter(
        max_length=200, help_text="The actor's ID, or the beginning of its name."
    )
    target = django_filters.CharFilter(max_length=64, help_text="The ID of the target.")
    ip = PatternFilter(
        pattern=ADDRESS_OR_NETWORK,
        max_length=50,
        help_text="An address, or a network such as `203.0.113.0/24`.",
    )
    created_after = MomentFilter()
    created_before = MomentFilter()

    def filter_queryset(self, queryset: QuerySet[AuditEntry]) -> QuerySet[AuditEntry]:
        """Narrow by everything that was sent; raises FieldErrors."""
        return selectors.list_entries(selectors.EntryFilter(**_renamed(self.form.cleaned_data)))


class RequestLogFilter(django_filters.FilterSet):
    """Filters of `GET /v1/request_logs`."""

    key = PatternFilter(pattern=id_pattern("key"), max_length=64, help_text="The Client ID of a key.")
    route = django_filters.CharFilter(
        max_length=200, help_text="A route as documented: `/v1/customers/{id}`."
    )
    status = PatternFilter(
        pattern=STATUS_OR_CLASS, max_length=3, help_text="A status such as `404`, or a class: `4xx`."
    )
    refused_by = django_filters.CharFilter(max_length=64, help_text="The error code of a refusal.")
    ip = PatternFilter(
        pattern=ADDRESS_OR_NETWORK,
        max_length=50,
        help_text="An address, or a network such as `203.0.113.0/24`.",
    )
    client_request_id = django_filters.CharFilter(
        max_length=100, help_text="The client's own ID of the request, sent as `X-Request-Id`."
    )
    trace_id = PatternFilter(
        pattern=TRACE_ID,
        max_length=32,
        help_text="The trace the requests are part of: 32 hexadecimal digits.",
    )
    path = django_filters.CharFilter(
        max_length=500, help_text="The beginning of the path: `/v1/customers/cus_`."
    )
    created_after = MomentFilter()
    created_before = MomentFilter()

    def filter_queryset(self, queryset: QuerySet[RequestLog]) -> QuerySet[RequestLog]:
        """Narrow by everything that was sent; raises FieldErrors."""
        values = _renamed(self.form.cleaned_data)
        values["text"] = values.pop("path")
        return selectors.list_requests(selectors.RequestFilter(**values))


def _renamed(values: dict[str, Any]) -> dict[str, Any]:
    values = dict(values)
    return {"since": values.pop("created_after"), "until": values.pop("created_before"), **values}
