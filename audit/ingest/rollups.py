"""Hourly roll-ups, counted while the rows are at hand and added to the table in the rows' own transaction."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from django.db.backends.utils import CursorWrapper

from audit.ingest import rows
from audit.latency import LATENCY
from core import ids
from core.postgres.copying import copying

# (company, mode, hour, key, method, route) → key's name, the sums in the order of the table, and the latency buckets.
Cells = dict[tuple[Any, ...], list[Any]]
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
# In one order for every writer, so that none deadlock.
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
_ADD_UNOWNED = """
INSERT INTO audit_unownedcount AS r (hour, refused_by, requests, first_seen) VALUES (%s, %s, %s, now())
ON CONFLICT (hour, refused_by) DO UPDATE SET requests = r.requests + excluded.requests
"""


def hour_of(row_hex: str) -> int:
    """Return the hour (since the epoch) of a UUIDv7 in hexadecimal."""
    return int(row_hex[:12], 16) // 3_600_000


def count(batch: Iterable[list[Any]]) -> Cells:
    """Count rows by company, mode, hour, key, method and route."""
    cells: Cells = {}
    for row in batch:
        cell = (
            row[rows.COMPANY], row[rows.MODE], hour_of(row[rows.ID]), row[rows.KEY] or "", row[rows.METHOD],
            row[rows.ROUTE],
        )  # fmt: skip
        sums = cells.get(cell)
        if sums is None:
            sums = cells[cell] = [row[rows.KEY_NAME], 0, 0, 0, 0, 0, 0, LATENCY.empty()]
        status, duration = row[rows.STATUS], row[rows.DURATION]
        sums[1] += 1
        if status >= 400:
            sums[2 if status < 500 else 3] += 1
            if row[rows.TRACE] is not None or row[rows.REFUSED]:
                sums[4] += 1
        sums[5] += duration
        sums[6] += row[rows.BYTES_OUT]
        sums[7][LATENCY.bucket_of(duration / 1000)] += 1  # microseconds
    return cells


def add(cursor: CursorWrapper, cells: Cells) -> None:
    """Add what was counted to the companies' roll-ups."""
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
                    "{" + ",".join(map(str, sums[7])) + "}",
                )
            )
    cursor.execute(_ADD)


def count_unowned(batch: Iterable[list[Any]]) -> UnownedCounts:
    """Count requests without a company by hour and refusal."""
    counts: UnownedCounts = {}
    for row in batch:
        cell = (hour_of(row[rows.ID]), row[rows.REFUSED])
        counts[cell] = counts.get(cell, 0) + 1
    return counts


def add_unowned(cursor: CursorWrapper, counts: UnownedCounts) -> None:
    """Add what was counted to the table."""
    cursor.executemany(
        _ADD_UNOWNED,
        [
            (datetime.fromtimestamp(hour * 3600, tz=UTC), refused, number)
            for (hour, refused), number in sorted(counts.items())
        ],
    )
