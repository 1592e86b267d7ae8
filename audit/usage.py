"""Usage from the hourly roll-ups: never a scan of the log, however long the period."""

import uuid
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from django.db import connection

from audit.latency import Usage
from audit.models import RequestLog, RequestRollup
from core.ids import first_id
from core.tenancy import require_tenant

HOUR, DAY = timedelta(hours=1), timedelta(days=1)

_SUMS = "sum(requests), sum(client_errors), sum(server_errors), sum(refused), sum(response_bytes)"
_WHERE = "company_id = %s AND mode = %s AND hour >= %s AND hour < %s"


def usage_over_time(
    *, since: datetime, until: datetime, step: timedelta, key: uuid.UUID | None = None, route: str = ""
) -> list[Usage]:
    """Return the usage of every step from `since` (a whole hour, UTC) to `until`, empty steps included, oldest first."""
    where, arguments = _narrowed(since, until, key, route)
    found: dict[datetime, Usage] = {}
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT date_bin(%s::interval, hour, %s), {_SUMS} FROM audit_requestrollup WHERE {where} GROUP BY 1",  # noqa: S608 - constants only
            [str(step.total_seconds()) + " s", since, *arguments],
        )
        for start, *sums in cursor.fetchall():
            found[start] = _usage(sums, start=start)
        cursor.execute(
            "SELECT date_bin(%s::interval, hour, %s), n, sum(count) FROM audit_requestrollup, "  # noqa: S608 - constants only
            f"unnest(latency) WITH ORDINALITY AS l (count, n) WHERE {where} AND count > 0 GROUP BY 1, 2",
            [str(step.total_seconds()) + " s", since, *arguments],
        )
        for start, n, count in cursor.fetchall():
            found[start].latency[n - 1] = int(count)
    steps, start = [], since
    while start < until:
        steps.append(found.get(start) or Usage(start=start))
        start += step
    return steps


def usage_by(
    group: Literal["key", "route"], *, since: datetime, until: datetime, limit: int = 20
) -> list[Usage]:
    """Return the usage of the busiest keys or routes of a period, busiest first."""
    where, arguments = _narrowed(since, until, None, "")
    columns = "key, max(key_name)" if group == "key" else "method || ' ' || route, ''"
    by = "key" if group == "key" else "method || ' ' || route"
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {columns}, {_SUMS} FROM audit_requestrollup WHERE {where} GROUP BY {by} "  # noqa: S608 - constants only
            f"ORDER BY sum(requests) DESC, {by} LIMIT %s",
            [*arguments, limit],
        )
        found = {}
        for name, label, *sums in cursor.fetchall():
            found[name] = (
                _usage(sums, key=name, key_name=label) if group == "key" else _usage(sums, route=name)
            )
        cursor.execute(
            f"SELECT {by}, n, sum(count) FROM audit_requestrollup, "  # noqa: S608 - constants only
            f"unnest(latency) WITH ORDINALITY AS l (count, n) WHERE {where} AND count > 0 GROUP BY {by}, n",
            arguments,
        )
        for name, n, count in cursor.fetchall():
            if name in found:
                found[name].latency[n - 1] = int(count)
    return list(found.values())


def calls_of_key(key: uuid.UUID, *, since: datetime, limit: int = 50_000) -> list[tuple[str, str, str, int]]:
    """Return (address, method, route, count) of a key's admitted calls since, from the newest `limit` of them.

    One index range of the log, bounded: what a change of the key's restrictions would have done is told from it.
    """
    newest = (
        RequestLog.objects.filter(key=key, id__gte=first_id(since), status__lt=400, ip__isnull=False)
        .order_by("-id")
        .values("ip", "method", "route")[:limit]
    )
    counts = Counter((row["ip"], row["method"], row["route"]) for row in newest)
    return [(ip, method, route, count) for (ip, method, route), count in counts.most_common()]


def known_routes(*, since: datetime) -> list[str]:
    """Return the routes that were called since, for a list to choose from."""
    return list(
        RequestRollup.objects.filter(hour__gte=since)
        .values_list("route", flat=True)
        .distinct()
        .order_by("route")[:200]
    )


def known_keys(*, since: datetime) -> list[tuple[uuid.UUID, str]]:
    """Return the keys that were used since, with the newest of their names, for a list to choose from."""
    newest = RequestRollup.objects.filter(hour__gte=since, key__isnull=False).order_by("key", "-hour")
    names = dict(newest.distinct("key").values_list("key", "key_name")[:200])
    return sorted(names.items(), key=lambda item: item[1].lower())


def merged(parts: Sequence[Usage]) -> Usage:
    """Return the sum of several usages."""
    total = Usage()
    for part in parts:
        total.requests += part.requests
        total.client_errors += part.client_errors
        total.server_errors += part.server_errors
        total.refused += part.refused
        total.response_bytes += part.response_bytes
        total.latency = [a + b for a, b in zip(total.latency, part.latency, strict=True)]
    return total


def _narrowed(since: datetime, until: datetime, key: uuid.UUID | None, route: str) -> tuple[str, list[Any]]:
    tenant = require_tenant()
    where: str = _WHERE
    arguments: list[Any] = [tenant.company_id, tenant.mode, since, until]
    if key is not None:
        where, arguments = f"{where} AND key = %s", [*arguments, key]
    if route:
        where, arguments = f"{where} AND route = %s", [*arguments, route]
    return where, arguments


def _usage(sums: Sequence[int], **about: object) -> Usage:
    requests, client_errors, server_errors, refused, response_bytes = (int(value) for value in sums)
    return Usage(
        requests=requests,
        client_errors=client_errors,
        server_errors=server_errors,
        refused=refused,
        response_bytes=response_bytes,
        **about,  # type: ignore[arg-type]
    )
