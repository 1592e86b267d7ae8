"""Rows into PostgreSQL: the rows, their roll-ups and their seals in one transaction, once however often delivered."""

import uuid
from collections import defaultdict
from datetime import date, timedelta
from typing import Any

from django.db import OperationalError, connection, transaction
from django.db.backends.utils import CursorWrapper

from audit.days import day_of
from audit.ingest import rollups, rows
from audit.models import Streams
from audit.seals import chain
from audit.signing import Chain, canonical, leaf
from core.tenancy import system_context

# COPY cannot write to a table with row-level security, so rows are copied to a temporary table and inserted from there:
# four times as fast as arrays in a statement. It lives as long as the connection and is emptied by every commit.
_STAGE = """
CREATE TEMPORARY TABLE IF NOT EXISTS request_batch (
  id uuid, company_id uuid, mode text, key uuid, key_name text, method text, route text, path text, status int,
  duration_us int, request_bytes int, response_bytes int, ip inet, user_agent text, refused_by text, trace jsonb
) ON COMMIT DELETE ROWS
"""
_COPY = "COPY pg_temp.request_batch FROM STDIN"
_SHARED = "method, route, path, status, duration_us, request_bytes, response_bytes, ip, user_agent, refused_by, trace"
_OWNED = (
    f"INSERT INTO audit_requestlog (id, company_id, mode, key, key_name, {_SHARED}) "  # noqa: S608 - constants only
    f"SELECT id, company_id, mode, key, key_name, {_SHARED} FROM pg_temp.request_batch "
    "WHERE company_id IS NOT NULL ON CONFLICT (id) DO NOTHING"
)
_UNOWNED = (
    f"INSERT INTO audit_unownedrequest (id, {_SHARED}) "  # noqa: S608 - constants only
    f"SELECT id, {_SHARED} FROM pg_temp.request_batch "
    "WHERE company_id IS NULL ON CONFLICT (id) DO NOTHING"
)
_FORGET_KNOWN = """
DELETE FROM pg_temp.request_batch b WHERE
  (b.company_id IS NOT NULL AND EXISTS (SELECT FROM audit_requestlog r WHERE r.id = b.id))
  OR (b.company_id IS NULL AND EXISTS (SELECT FROM audit_unownedrequest u WHERE u.id = b.id))
RETURNING b.id
"""
# Beyond the failure limit of an address its requests are counted, not kept.
COUNTED_ONLY = frozenset({"too_many_failures"})
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_BACKSLASH = ord("\\")

Row = list[Any]


def store(batch: list[Row]) -> int:
    """Write the rows of `batch`; return how many were new. Raises django.db.Error, and then has written nothing."""
    by_id = {row[rows.ID]: row for row in batch}
    counted = [
        row for row in by_id.values() if row[rows.COMPANY] is None and row[rows.REFUSED] in COUNTED_ONLY
    ]
    for row in counted:
        del by_id[row[rows.ID]]
    with system_context(reason="request log"), connection.cursor() as cursor:
        if by_id:
            contents = {row_id: canonical(row) for row_id, row in by_id.items()}
            for known in _insert(cursor, by_id, contents):
                del by_id[known]
            owned = [row for row in by_id.values() if row[rows.COMPANY] is not None]
            unowned = [row for row in by_id.values() if row[rows.COMPANY] is None]
            rollups.add(cursor, owned)
            rollups.add_unowned(cursor, [*unowned, *counted])
            chain.append(cursor, _leaves(by_id, contents))
        else:
            rollups.add_unowned(cursor, counted)
    return len(by_id) + len(counted)


def _insert(cursor: CursorWrapper, by_id: dict[str, Row], contents: dict[str, bytes]) -> list[str]:
    """Insert the rows; return the identifiers of those that were there before."""
    cursor.execute(_STAGE)
    with connection.connection.cursor() as raw, raw.copy(_COPY) as copy:
        copy.write("".join([_copy_line(row, contents[row_id]) for row_id, row in by_id.items()]))
    known: list[str] = []
    point = transaction.savepoint()
    if _insert_staged(cursor) == len(by_id):
        transaction.savepoint_commit(point)
        return known
    # A redelivery: some rows are known. Only the others may be counted and sealed.
    transaction.savepoint_rollback(point)
    cursor.execute(_FORGET_KNOWN)
    known = [found.hex for (found,) in cursor.fetchall()]
    if _insert_staged(cursor) != len(by_id) - len(known):
        raise OperationalError("Another writer added the same rows at this moment; they are delivered again.")
    return known


def _insert_staged(cursor: CursorWrapper) -> int:
    cursor.execute(_OWNED)
    inserted: int = cursor.rowcount
    cursor.execute(_UNOWNED)
    return inserted + cursor.rowcount


def _copy_line(row: Row, content: bytes) -> str:
    """Return a row in COPY's text format."""
    trace = row[rows.TRACE]
    values = [*row[: rows.TRACE], canonical(trace).decode() if trace is not None else None]
    # JSON writes a backslash before, or for, everything that COPY's format would need one for.
    if trace is not None or _BACKSLASH in content:
        values = [value.translate(_ESCAPES) if isinstance(value, str) else value for value in values]
    return "\t".join(["\\N" if value is None else str(value) for value in values]) + "\n"


def _leaves(by_id: dict[str, Row], contents: dict[str, bytes]) -> dict[Chain, bytes]:
    """Return the leaves of each chain that the rows extend, in the order of the rows' identifiers."""
    grouped: defaultdict[tuple[Any, Any, int], list[bytes]] = defaultdict(list)
    for row_id, row in by_id.items():
        day_number = int(row_id[:12], 16) // 86_400_000
        grouped[row[rows.COMPANY], row[rows.MODE], day_number].append(
            leaf(bytes.fromhex(row_id), contents[row_id])
        )
    epoch = date(1970, 1, 1)
    return {
        Chain(
            uuid.UUID(company) if company else chain.NOBODY,
            mode or "live",
            Streams.REQUESTS if company else Streams.UNOWNED,
            epoch + timedelta(days=number),
        ): b"".join(sorted(leaves))
        for (company, mode, number), leaves in grouped.items()
    }


def day_of_row(row: Row) -> date:
    """Return the day whose partition a row belongs to."""
    return day_of(uuid.UUID(row[rows.ID]))
