"""Hourly roll-ups, computed from each batch and added to the tables in the batch's transaction."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from django.db.backends.utils import CursorWrapper

from audit import outcomes
from audit.ingest import rows
from audit.latency import LATENCY
from audit.models import UsageRollup
from core.postgres.copying import copying
from core.values import ids

# (company, mode, hour, key, method, route) → the key's name, the sums in the table's order, and the latency buckets.
Cells = dict[tuple[Any, ...], list[Any]]
# (company, mode, grain, hour, dimension, value) → the key's name, outcomes, response bytes, and the latency buckets.
UsageCells = dict[tuple[Any, ...], list[Any]]
# (hour, refused_by) → requests
UnownedCounts = dict[tuple[int, str], int]


_STAGE = """
CREATE TEMPORARY TABLE IF NOT EXISTS rollup_batch (
  id uuid, company_id uuid, mode text, hour timestamptz, key uuid, key_name text, method text, route text,
  requests bigint, client_errors bigint, server_errors bigint, refused bigint, duration_us bigint,
  response_bytes bigint, latency bigint[]
) ON COMMIT DELETE ROWS
"""
_COPY = "COPY pg_temp.rollup_batch FROM STDIN"
# The same order for every writer, to avoid deadlocks.
_ADD = """
INSERT INTO audit_requestrollup AS r (id, company_id, mode, hour, key, key_name, method, route, requests,
  client_errors, server_errors, refused, duration_us, response_bytes, latency)
SELECT * FROM pg_temp.rollup_batch ORDER BY company_id, mode, hour, key, method, route
ON CONFLICT (company_id, mode, hour, key, method, route) DO UPDATE SET
  key_name = excluded.key_name,
  requests = r.requests + excluded.requests,
  client_errors = r.client_errors + excluded.client_errors,
  server_errors = r.server_errors + excluded.server_errors,
  refused = r.refused + excluded.refused,
  duration_us = r.duration_us + excluded.duration_us,
  response_bytes = r.response_bytes + excluded.response_bytes,
  latency = (SELECT array_agg(mine + theirs ORDER BY n)
             FROM unnest(r.latency, excluded.latency) WITH ORDINALITY AS t (mine, theirs, n))
"""
_STAGE_USAGE = """
CREATE TEMPORARY TABLE IF NOT EXISTS usage_batch (
  id uuid, company_id uuid, mode text, grain text, start timestamptz, dimension text, value text, name text,
  outcomes bigint[], response_bytes bigint, latency bigint[]
) ON COMMIT DELETE ROWS
"""
_COPY_USAGE = "COPY pg_temp.usage_batch FROM STDIN"
_ADD_USAGE = """
INSERT INTO audit_usagerollup AS r (id, company_id, mode, grain, start, dimension, value, name, outcomes,
  response_bytes, latency)
SELECT * FROM pg_temp.usage_batch ORDER BY company_id, mode, grain, dimension, value, start
ON CONFLICT (company_id, mode, grain, dimension, value, start) DO UPDATE SET
  name = excluded.name,
  outcomes = (SELECT array_agg(mine + theirs ORDER BY n)
              FROM unnest(r.outcomes, excluded.outcomes) WITH ORDINALITY AS t (mine, theirs, n)),
  response_bytes = r.response_bytes + excluded.response_bytes,
  latency = (SELECT array_agg(mine + theirs ORDER BY n)
             FROM unnest(r.latency, excluded.latency) WITH ORDINALITY AS t (mine, theirs, n))
"""
_ADD_UNOWNED = """
INSERT INTO audit_unownedcount AS r (hour, refused_by, requests, first_seen) VALUES (%s, %s, %s, now())
ON CONFLICT (hour, refused_by) DO UPDATE SET requests = r.requests + excluded.requests
"""

_HOUR, _DAY = UsageRollup.Grains.HOUR.value, UsageRollup.Grains.DAY.value
_ALL, _KEY, _ROUTE, _STATUS = (dimension.value for dimension in UsageRollup.Dimensions)


def hour_of(row_hex: str) -> int:
    """Return the hour (since the epoch) of a UUIDv7 in hexadecimal."""
    return int(row_hex[:12], 16) // 3_600_000


def count(batch: Iterable[list[Any]]) -> tuple[Cells, UsageCells]:
    """Count rows by company, mode, hour, key, method and route, and by each dimension of the usage pages."""
    cells: Cells = {}
    # The key of a cell plus status and refusal, so that the work per row is minimal.
    answers: dict[tuple[Any, ...], list[Any]] = {}
    for row in batch:
        status, refused, duration = row[rows.STATUS], row[rows.REFUSED], row[rows.DURATION]
        cell = (
            row[rows.COMPANY], row[rows.MODE], hour_of(row[rows.ID]), row[rows.KEY] or "", row[rows.METHOD],
            row[rows.ROUTE],
        )  # fmt: skip
        answer = answers.get((cell, status, refused))
        if answer is None:
            answer = answers[cell, status, refused] = [row[rows.KEY_NAME], 0, 0, 0, 0, LATENCY.empty()]
        answer[1] += 1
        if status >= 400 and (row[rows.TRACE] is not None or refused):
            answer[2] += 1
        answer[3] += duration
        answer[4] += row[rows.BYTES_OUT]
        answer[5][LATENCY.bucket_of(duration / 1000)] += 1  # microseconds
    usage: UsageCells = {}
    for (cell, status, refused), (name, number, refusals, duration, size, latency) in answers.items():
        sums = cells.setdefault(cell, [name, 0, 0, 0, 0, 0, 0, LATENCY.empty()])
        sums[1] += number
        if status >= 400:
            sums[2 if status < 500 else 3] += number
        sums[4] += refusals
        sums[5] += duration
        sums[6] += size
        _add_up(sums[7], latency)
        _count_usage(usage, cell, name, (status, refused), number, size, latency)
    return cells, _with_days(usage)


def _count_usage(
    usage: UsageCells,
    cell: tuple[Any, ...],
    name: str,
    answer: tuple[int, str],
    number: int,
    size: int,
    latency: list[int],
) -> None:
    company, mode, hour, key, method, route = cell
    place = outcomes.place_of(*answer)
    for dimension, value, label in (
        (_ALL, "", ""),
        (_KEY, key, name),
        (_ROUTE, f"{method} {route}", ""),
        (_STATUS, str(answer[0]), ""),
    ):
        sums = usage.setdefault(
            (company, mode, _HOUR, hour, dimension, value), [label, outcomes.empty(), 0, LATENCY.empty()]
        )
        sums[1][place] += number
        sums[2] += size
        _add_up(sums[3], latency)


def _with_days(hours: UsageCells) -> UsageCells:
    """Return the hours and their sums by day (UTC)."""
    days: UsageCells = {}
    for (company, mode, _, hour, dimension, value), (label, parts, size, latency) in hours.items():
        sums = days.setdefault(
            (company, mode, _DAY, hour // 24 * 24, dimension, value),
            [label, outcomes.empty(), 0, LATENCY.empty()],
        )
        sums[0] = label
        _add_up(sums[1], parts)
        sums[2] += size
        _add_up(sums[3], latency)
    return hours | days


def _add_up(sums: list[int], more: list[int]) -> None:
    for place, number in enumerate(more):
        if number:
            sums[place] += number


def add(cursor: CursorWrapper, cells: Cells) -> None:
    """Add the counts to the companies' roll-ups."""
    if not cells:
        return
    cursor.execute(_STAGE)
    with copying(_COPY) as copy:
        for (company, mode, hour, key, method, route), sums in cells.items():
            moment = datetime.fromtimestamp(hour * 3600, tz=UTC)
            copy.write_row(
                (
                    ids.new_id(),
                    company,
                    mode,
                    moment,
                    key or None,
                    sums[0],
                    method,
                    route,
                    *sums[1:7],
                    _array(sums[7]),
                )
            )
    cursor.execute(_ADD)


def add_usage(cursor: CursorWrapper, cells: UsageCells) -> None:
    """Add the counts to the companies' usage roll-ups."""
    if not cells:
        return
    cursor.execute(_STAGE_USAGE)
    with copying(_COPY_USAGE) as copy:
        for (company, mode, grain, hour, dimension, value), (label, parts, size, latency) in cells.items():
            moment = datetime.fromtimestamp(hour * 3600, tz=UTC)
            copy.write_row(
                (ids.new_id(), company, mode, grain, moment, dimension, value, label, _array(parts), size, _array(latency))
            )  # fmt: skip
    cursor.execute(_ADD_USAGE)


def _array(numbers: list[int]) -> str:
    """Return numbers in the text format of PostgreSQL's arrays."""
    return "{" + ",".join(map(str, numbers)) + "}"


def count_unowned(batch: Iterable[list[Any]]) -> UnownedCounts:
    """Count requests without a company by hour and refusal."""
    counts: UnownedCounts = {}
    for row in batch:
        cell = (hour_of(row[rows.ID]), row[rows.REFUSED])
        counts[cell] = counts.get(cell, 0) + 1
    return counts


def add_unowned(cursor: CursorWrapper, counts: UnownedCounts) -> None:
    """Add the counts to the table."""
    cursor.executemany(
        _ADD_UNOWNED,
        [
            (datetime.fromtimestamp(hour * 3600, tz=UTC), refused, number)
            for (hour, refused), number in sorted(counts.items())
        ],
    )
