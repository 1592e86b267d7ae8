"""Usage by a single dimension, from audit.models.UsageRollup, or for addresses from the newest rows of the log."""

from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from django.db import connection

from audit.latency import LATENCY, RequestUsage, every_step
from audit.outcomes import OK, OUTCOMES, SERVER_ERROR
from core.tenancy import require_tenant
from core.values.ids import first_id

# Addresses have no roll-ups, so queries for one return nothing.
Dimension = Literal["all", "key", "route", "status", "address"]

# How many of a period's newest requests are counted by address. There are too many addresses for roll-ups.
MOST_BY_ADDRESS = 50_000

_DAY = timedelta(days=1)
_OUTCOMES = ", ".join(f"sum(outcomes[{place + 1}])" for place in range(len(OUTCOMES)))
_LATENCY = ", ".join(f"sum(latency[{bucket + 1}])" for bucket in range(LATENCY.buckets))
_SUMS = f"sum(response_bytes), {_OUTCOMES}, {_LATENCY}"
_FROM = (
    "FROM audit_usagerollup WHERE company_id = %s AND mode = %s AND grain = %s AND dimension = %s "
    "AND start >= %s AND start < %s"
)


def usage_of(
    *, since: datetime, until: datetime, step: timedelta, dimension: Dimension = "all", value: str = ""
) -> list[RequestUsage]:
    """Return every step from `since` (a whole hour, UTC) to `until`, empty steps included, oldest first.

    For everything, or for one key (its UUID in hexadecimal), one route ("GET /v1/customers") or one status ("404").
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT date_bin(%s::interval, start, %s), {_SUMS} {_FROM} AND value = %s GROUP BY 1",
            [
                f"{step.total_seconds()} s",
                since,
                *_asked(since, until, dimension, is_by_day=_is_whole_days(since, until, step)),
                value,
            ],
        )
        found = {start: _usage(sums, start=start) for start, *sums in cursor.fetchall()}
    return every_step(found, since=since, until=until, step=step)


def usage_by_value(
    dimension: Dimension, *, since: datetime, until: datetime, limit: int = 20
) -> list[RequestUsage]:
    """Return the busiest keys, routes or statuses of a period, busiest first; `name` is a key's name or the value."""
    is_by_day = _is_whole_days(since, until, until - since)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT value, max(name), {_SUMS} {_FROM} GROUP BY value",
            _asked(since, until, dimension, is_by_day=is_by_day),
        )
        found = [_usage(sums, value=value, name=name or value) for value, name, *sums in cursor.fetchall()]
    return sorted(found, key=lambda usage: (-usage.requests, usage.value))[:limit]


def newest_name(key: str) -> str:
    """Return the newest name of a key (its UUID in hexadecimal) in the roll-ups; empty if it was never used."""
    tenant = require_tenant()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name FROM audit_usagerollup WHERE company_id = %s AND mode = %s AND grain = 'day' "
            "AND dimension = 'key' AND value = %s ORDER BY start DESC LIMIT 1",
            [tenant.company_id, tenant.mode, key],
        )
        return str((cursor.fetchone() or ("",))[0])


def days_of_keys(keys: Collection[UUID], *, days: int, today: date) -> dict[UUID, list[int]]:
    """Return the number of requests of each key on each of the last `days` days (UTC) up to today, oldest first."""
    since = datetime(today.year, today.month, today.day, tzinfo=UTC) - _DAY * (days - 1)
    found = {key: [0] * days for key in keys}
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT value, start, (SELECT sum(one) FROM unnest(outcomes) AS one) {_FROM} AND value = ANY(%s)",  # noqa: S608 - constants only
            [*_asked(since, since + _DAY * days, "key", is_by_day=True), [key.hex for key in keys]],
        )
        for value, start, requests in cursor.fetchall():
            found[UUID(hex=value)][(start - since).days] += int(requests)
    return found


def usage_by_address(*, since: datetime, until: datetime, limit: int = 20) -> tuple[list[RequestUsage], bool]:
    """Return the busiest addresses of a period's newest MOST_BY_ADDRESS requests, and whether those are all requests.

    Reads the log itself. Latencies are put into the same buckets as everywhere else.
    """
    tenant = require_tenant()
    bounds = ", ".join(str(bound) for bound in LATENCY.bounds)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT host(ip), width_bucket(duration_us / 1000.0, ARRAY[0, "  # noqa: S608 - constants only
            f"{bounds}]::float8[]) AS bucket, count(*), count(*) FILTER (WHERE status BETWEEN 400 AND 499), "
            "count(*) FILTER (WHERE status >= 500) FROM (SELECT ip, status, duration_us FROM audit_requestlog "
            "WHERE company_id = %s AND mode = %s AND id >= %s AND id < %s ORDER BY id DESC LIMIT %s) AS newest "
            "GROUP BY 1, 2",
            [tenant.company_id, tenant.mode, first_id(since), first_id(until), MOST_BY_ADDRESS],
        )
        found: dict[str, RequestUsage] = {}
        for address, bucket, requests, client_errors, server_errors in cursor.fetchall():
            usage = found.setdefault(
                address or "", RequestUsage(value=address or "", name=address or "unknown")
            )
            usage.requests += requests
            usage.client_errors += client_errors
            usage.server_errors += server_errors
            usage.latency[max(bucket, 1) - 1] += requests
    rows = sorted(found.values(), key=lambda usage: (-usage.requests, usage.value))
    return rows[:limit], sum(row.requests for row in rows) < MOST_BY_ADDRESS


def _is_whole_days(since: datetime, until: datetime, step: timedelta) -> bool:
    """Whether the daily roll-ups suffice: the range and its steps are whole days (UTC)."""
    midnight = since.replace(hour=0, minute=0, second=0, microsecond=0)
    return since == midnight and not (until - since) % _DAY and not step % _DAY


def _asked(since: datetime, until: datetime, dimension: Dimension, *, is_by_day: bool) -> list[Any]:
    tenant = require_tenant()
    return [tenant.company_id, tenant.mode, "day" if is_by_day else "hour", dimension, since, until]


def _usage(sums: list[Any], **about: Any) -> RequestUsage:
    size, *rest = (int(value) for value in sums)
    parts, latency = rest[: len(OUTCOMES)], rest[len(OUTCOMES) :]
    return RequestUsage(
        requests=sum(parts),
        client_errors=sum(parts[OK + 1 : SERVER_ERROR]),
        server_errors=parts[SERVER_ERROR],
        response_bytes=size,
        outcomes=parts,
        latency=latency,
        **about,
    )
