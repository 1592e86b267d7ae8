"""Usage from the hourly roll-ups. Never scans the log, however long the period."""

import uuid
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from django.db import connection

from audit.latency import RequestUsage, every_step
from audit.models import RequestLog
from core.tenancy import require_tenant
from core.values.ids import first_id

HOUR, DAY = timedelta(hours=1), timedelta(days=1)

_SUMS = "sum(requests), sum(client_errors), sum(server_errors), sum(refused), sum(response_bytes)"
# The latency buckets of the same roll-ups, read by the same statement as the sums so that both are from one snapshot.
_COUNTS = "sum(count), 0, 0, 0, 0 FROM audit_requestrollup, unnest(latency) WITH ORDINALITY AS l (count, n)"
_WHERE = "company_id = %s AND mode = %s AND hour >= %s AND hour < %s"


def usage_over_time(
    *,
    since: datetime,
    until: datetime,
    step: timedelta,
    key: uuid.UUID | None = None,
    method: str = "",
    route: str = "",
) -> list[RequestUsage]:
    """Return the usage of every step from `since` (a whole hour, UTC) to `until`, empty steps included, oldest first."""
    where, arguments = _narrowed(since, until, key=key, method=method, route=route)
    arguments = [str(step.total_seconds()) + " s", since, *arguments]
    found: dict[datetime, RequestUsage] = {}
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT date_bin(%s::interval, hour, %s), 0 AS n, {_SUMS} FROM audit_requestrollup "  # noqa: S608 - constants only
            f"WHERE {where} GROUP BY 1 "
            f"UNION ALL SELECT date_bin(%s::interval, hour, %s), n, {_COUNTS} WHERE {where} AND count > 0 GROUP BY 1, 2 "
            "ORDER BY n",
            arguments * 2,
        )
        for start, n, *sums in cursor.fetchall():
            if n == 0:
                found[start] = _usage(sums, start=start)
            else:
                found[start].latency[n - 1] = int(sums[0])
    return every_step(found, since=since, until=until, step=step)


def usage_by(
    group: Literal["key", "route"], *, since: datetime, until: datetime, limit: int = 20
) -> list[RequestUsage]:
    """Return the usage of the busiest keys or routes of a period, busiest first."""
    where, arguments = _narrowed(since, until)
    columns = "key, max(key_name)" if group == "key" else "method || ' ' || route, ''"
    by = "key" if group == "key" else "method || ' ' || route"
    with connection.cursor() as cursor:
        cursor.execute(
            f"(SELECT {columns}, 0 AS n, {_SUMS} FROM audit_requestrollup WHERE {where} GROUP BY {by} "  # noqa: S608 - constants only
            f"ORDER BY sum(requests) DESC, {by} LIMIT %s) "
            f"UNION ALL SELECT {by}, '', n, {_COUNTS} WHERE {where} AND count > 0 GROUP BY {by}, n ORDER BY n",
            [*arguments, limit, *arguments],
        )
        found: dict[Any, RequestUsage] = {}
        for name, label, n, *sums in cursor.fetchall():
            if n == 0:
                found[name] = (
                    _usage(sums, key=name, key_name=label) if group == "key" else _usage(sums, route=name)
                )
            elif name in found:  # one of the busiest
                found[name].latency[n - 1] = int(sums[0])
    return sorted(found.values(), key=lambda usage: -usage.requests)


def calls_of_key(key: uuid.UUID, *, since: datetime, limit: int = 50_000) -> list[tuple[str, str, str, int]]:
    """Return (address, method, route, count) of a key's admitted calls since `since`, from the newest `limit` of them.

    A bounded index range scan of the log, for replaying calls against changed restrictions.
    """
    newest = (
        RequestLog.objects.filter(key=key, id__gte=first_id(since), status__lt=400, ip__isnull=False)
        .order_by("-id")
        .values("ip", "method", "route")[:limit]
    )
    counts = Counter((str(row["ip"]), row["method"], row["route"]) for row in newest)
    return [(ip, method, route, count) for (ip, method, route), count in counts.most_common()]


def known_routes(*, since: datetime) -> list[str]:
    """Return the routes called since then, as choices for a filter."""
    return [route for route, _ in _distinct("route", since)]


def known_keys(*, since: datetime) -> list[tuple[uuid.UUID, str]]:
    """Return the keys used since then with their newest names, as choices for a filter."""
    return sorted(_distinct("key", since), key=lambda item: str(item[1]).lower())


def _distinct(column: Literal["route", "key"], since: datetime) -> list[tuple[Any, str]]:
    """Return the values of `column` with a roll-up since then, each with its key's newest name; at most 200.

    A loose index scan on an index that starts with the column, because DISTINCT would read every roll-up.
    """
    tenant = require_tenant()
    own = f"SELECT {column} FROM audit_requestrollup WHERE company_id = %(company)s AND mode = %(mode)s"  # noqa: S608 - constants only
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH RECURSIVE found AS (({own} AND {column} IS NOT NULL ORDER BY {column} LIMIT 1) "  # noqa: S608 - constants only
            f"UNION ALL SELECT ({own} AND {column} > found.{column} ORDER BY {column} LIMIT 1) FROM found "
            f"WHERE found.{column} IS NOT NULL) "
            "SELECT * FROM (SELECT found.*, (SELECT key_name FROM audit_requestrollup r WHERE "
            f"company_id = %(company)s AND mode = %(mode)s AND r.{column} = found.{column} AND hour >= %(since)s "
            f"ORDER BY hour DESC LIMIT 1) AS name FROM found WHERE found.{column} IS NOT NULL) AS named "
            "WHERE name IS NOT NULL LIMIT 200",
            {"company": tenant.company_id, "mode": tenant.mode, "since": since},
        )
        return cursor.fetchall()


def merged(parts: Sequence[RequestUsage]) -> RequestUsage:
    """Return the sum of several usages."""
    total = RequestUsage()
    for part in parts:
        total.requests += part.requests
        total.client_errors += part.client_errors
        total.server_errors += part.server_errors
        total.refused += part.refused
        total.response_bytes += part.response_bytes
        total.latency = [a + b for a, b in zip(total.latency, part.latency, strict=True)]
        total.outcomes = [a + b for a, b in zip(total.outcomes, part.outcomes, strict=True)]
    return total


def _narrowed(since: datetime, until: datetime, **columns: Any) -> tuple[str, list[Any]]:
    """Return the condition on the roll-ups and its parameters. A column without a value does not filter."""
    tenant = require_tenant()
    where: str = _WHERE
    arguments: list[Any] = [tenant.company_id, tenant.mode, since, until]
    for name, value in columns.items():
        if value:
            where, arguments = f"{where} AND {name} = %s", [*arguments, value]
    return where, arguments


def _usage(sums: Sequence[int], **about: object) -> RequestUsage:
    requests, client_errors, server_errors, refused, response_bytes = (int(value) for value in sums)
    return RequestUsage(
        requests=requests,
        client_errors=client_errors,
        server_errors=server_errors,
        refused=refused,
        response_bytes=response_bytes,
        **about,  # type: ignore[arg-type]
    )
