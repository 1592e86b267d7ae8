"""Queries of the trail and the request log, within the current tenant and served by B-trees (docs/architecture.md, Tenancy).

Every filter compares a stored column with an operator that PostgreSQL may push below row-level security. Times become ranges
of the id, the partition key of the tables.
"""

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Q, QuerySet

from accounts.selectors import current_company
from audit.models import AuditEntry, RequestBodies, RequestLog
from audit.outcomes import BY_NAME, NAMED_CODES
from audit.windows import newest
from core import clock
from core.api.operations import operations_of_scope
from core.api.patterns import TRACE_ID
from core.errors import FieldError, FieldErrors
from core.values import ids
from core.values.ids import first_id

_TRACE_ID = re.compile(TRACE_ID)
# The last code point, which ends every prefix range under the collation "C".
_LAST = "\U0010ffff"


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryFilter:
    """Filters of a list of audit entries; empty strings and None do not filter."""

    action: str = ""
    actor: str = ""
    target: str = ""
    ip: str = ""
    text: str = ""
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestFilter:
    """Filters of a list of requests; empty strings and None do not filter."""

    key: str = ""
    route: str = ""
    status: str = ""
    method: str = ""
    refused_by: str = ""
    outcome: str = ""
    scope: str = ""
    ip: str = ""
    client_request_id: str = ""
    trace_id: str = ""
    text: str = ""
    since: datetime | None = None
    until: datetime | None = None


def list_entries(wanted: EntryFilter) -> QuerySet[AuditEntry]:
    """Return the entries that match `wanted`. Raises FieldErrors for an invalid address."""
    found: QuerySet[AuditEntry] = _between(AuditEntry.objects.all(), wanted.since, wanted.until)
    if wanted.action:
        # `api_key` or `api_key.*` matches every action on keys, `api_key.created` a single one.
        name = wanted.action.removesuffix(".*")
        if "." in name:
            found = found.filter(action=name)
        else:
            found = found.filter(action__gte=f"{name}.", action__lt=f"{name}.{_LAST}")
    if wanted.actor:
        found = found.filter(Q(actor_id=wanted.actor) | _begins("actor_name", wanted.actor))
    if wanted.target:
        found = found.filter(target_id=wanted.target)
    if wanted.ip:
        found = found.filter(_address("ip", wanted.ip))
    text = wanted.text.strip()
    if text:
        if text.startswith("req_"):
            found = found.filter(request_id=text)
        elif text.startswith("aud_"):
            found = found.filter(id=_decoded("text", "aud", text))
        else:
            found = found.filter(
                Q(target_id=text) | Q(actor_id=text) | _begins("actor_name", text) | _begins("action", text)
            )
    return found


def get_entry(public_id: str) -> AuditEntry:
    """Return the entry. Raises NotFound if it does not exist in this tenant."""
    return AuditEntry.by_public_id(public_id)


def find_bodies(log: RequestLog) -> RequestBodies | None:
    """Return the bodies kept of a request; None if there are none, they expired, or the company deleted them."""
    since, _ = current_company().bodies_period(log.mode)
    if since is None:
        return None
    found: RequestBodies | None = RequestBodies.objects.filter(
        id=log.pk, created__gte=since, expires_at__gt=clock.now()
    ).first()
    return found


def list_requests(wanted: RequestFilter) -> QuerySet[RequestLog]:
    """Return the requests that match `wanted`. Raises FieldErrors for invalid values."""
    found: QuerySet[RequestLog] = _between(RequestLog.objects.all(), wanted.since, wanted.until)
    if wanted.key:
        found = found.filter(key=_decoded("key", "key", wanted.key))
    if wanted.route:
        found = found.filter(route=wanted.route)
    if wanted.status:
        found = found.filter(_status(wanted.status))
    if wanted.refused_by:
        # Only failures have a refusal; the extra condition allows the use of their small index.
        found = found.filter(refused_by=wanted.refused_by, status__gte=400)
    if wanted.method:
        found = found.filter(method=wanted.method)
    if wanted.outcome:
        found = found.filter(_outcome(wanted.outcome))
    if wanted.scope:
        found = found.filter(_of_scope(wanted.scope))
    if wanted.ip:
        found = found.filter(_address("ip", wanted.ip))
    if wanted.client_request_id:
        found = found.filter(client_request_id=wanted.client_request_id, client_request_id__gt="")
    text = wanted.text.strip()
    trace_id = wanted.trace_id
    if _TRACE_ID.fullmatch(text):
        trace_id, text = text, ""
    if trace_id:
        found = found.filter(_of_trace(trace_id))
    if text.startswith("req_"):
        found = found.filter(id=_decoded("text", "req", text))
    elif text.startswith("key_"):
        found = found.filter(key=_decoded("text", "key", text))
    elif text:
        found = found.filter(_begins("path", text if text.startswith("/") else f"/v1/{text}"))
    return found


def get_request(public_id: str) -> RequestLog:
    """Return the request. Raises NotFound if it does not exist in this tenant or is too old."""
    return RequestLog.by_public_id(public_id)


def entries_of_request(request: RequestLog) -> list[AuditEntry]:
    """Return the audit entries of a request, oldest first."""
    return list(AuditEntry.objects.filter(request_id=request.public_id).order_by("id")[:100])


def history_of(
    target: str, *, actions: Sequence[str], limit: int = 50
) -> list[tuple[str, datetime, str, dict[str, Any], dict[str, Any], str]]:
    """Return (action, time, actor, changes, detail, id) of the most recent of these actions on an object, newest first."""
    rows = newest(AuditEntry.objects.filter(target_id=target, action__in=actions), limit)
    return [(row.action, row.created, row.actor_name, row.changes, row.detail, row.public_id) for row in rows]


def _between(queryset: QuerySet[Any], since: datetime | None, until: datetime | None) -> QuerySet[Any]:
    if since is not None:
        queryset = queryset.filter(id__gte=first_id(since))
    if until is not None:
        queryset = queryset.filter(id__lt=first_id(until))
    return queryset


def _begins(column: str, prefix: str) -> Q:
    return Q(**{f"{column}__gte": prefix, f"{column}__lt": prefix + _LAST})


def _of_trace(trace_id: str) -> Q:
    """Match the requests of a trace. Raises FieldErrors for an invalid trace id."""
    if not _TRACE_ID.fullmatch(trace_id):
        raise FieldErrors([FieldError("trace_id", "invalid", "A trace is named by 32 hexadecimal digits.")])
    # The second condition allows the use of the small index on requests with a trace.
    return _begins("traceparent", f"00-{trace_id}-") & Q(traceparent__gt="")


def _decoded(field: str, prefix: str, text: str) -> Any:
    try:
        return ids.decode(prefix, text)
    except ids.InvalidId as error:
        raise FieldErrors([FieldError(field, "invalid", f"Not an identifier: {error}.")]) from error


def _address(column: str, text: str) -> Q:
    """Match an address, or every address of a network, using comparisons only."""
    try:
        network = ipaddress.ip_network(text.strip(), strict=False)
    except ValueError as error:
        raise FieldErrors(
            [FieldError("ip", "invalid", "Use an address or a network, such as 203.0.113.0/24.")]
        ) from error
    if network.num_addresses == 1:
        return Q(**{column: str(network.network_address)})
    return Q(
        **{f"{column}__gte": str(network.network_address), f"{column}__lte": str(network.broadcast_address)}
    )


def _outcome(name: str) -> Q:
    """Match the requests that audit.outcomes counts as `name`."""
    if name == "ok":
        return Q(status__lt=400)
    if name == "server_error":
        return Q(status__gte=500)
    if name == "limit":
        return Q(status=429)
    refused = Q(status__gte=400, status__lt=500) & ~Q(status=429)
    if codes := BY_NAME[name].codes:
        return refused & Q(refused_by__in=codes)
    return refused & ~Q(refused_by__in=NAMED_CODES)


def _of_scope(scope: str) -> Q:
    """Match the requests that required `scope` or accepted it among others. Raises FieldErrors if no route uses it."""
    routes = operations_of_scope(scope)
    if not routes:
        raise FieldErrors([FieldError("scope", "invalid", "No endpoint needs this scope.")])
    return reduce(or_, (Q(method=method, route__in=names) for method, names in routes.items()))


def _status(text: str) -> Q:
    """Match a status (`404`) or a status class (`4xx`)."""
    if len(text) == 3 and text.isascii() and text[0] in "12345":
        if text[1:].lower() == "xx":
            lowest = int(text[0]) * 100
            return Q(status__gte=lowest, status__lt=lowest + 100)
        if text.isdigit():
            return Q(status=int(text))
    raise FieldErrors([FieldError("status", "invalid", "Use a status such as 404, or a class such as 4xx.")])
