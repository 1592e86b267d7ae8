"""Stores rows in PostgreSQL: rows, roll-ups and seals in one transaction, exactly once despite redeliveries."""

import uuid
from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.db import IntegrityError, OperationalError, connection, transaction
from django.db.backends.utils import CursorWrapper
from psycopg.errors import UniqueViolation

from audit.days import day_of
from audit.ingest import rollups, rows
from audit.models import Streams
from audit.seals import chain
from audit.seals.content import hashed_request
from audit.signing import Chain, canonical, leaf
from core.postgres.copying import copying
from core.tenancy import system_context

# COPY cannot write to a table with row-level security, so rows are copied to a temporary table and inserted from there:
# four times as fast as arrays in a statement. It lives as long as the connection and is emptied by every commit.
_STAGE = """
CREATE TEMPORARY TABLE IF NOT EXISTS request_batch (
  id uuid, company_id uuid, mode text, key uuid, key_name text, method text, route text, path text, status int,
  duration_us int, request_bytes int, response_bytes int, ip inet, user_agent text, refused_by text, trace jsonb,
  client_request_id text, traceparent text
) ON COMMIT DELETE ROWS
"""
_COPY = "COPY pg_temp.request_batch FROM STDIN"
_SHARED = (
    "method, route, path, status, duration_us, request_bytes, response_bytes, ip, user_agent, refused_by, trace, "
    "client_request_id, traceparent"
)
_OWNED = (
    f"INSERT INTO audit_requestlog (id, company_id, mode, key, key_name, {_SHARED}) "  # noqa: S608 - constants only
    f"SELECT id, company_id, mode, key, key_name, {_SHARED} FROM pg_temp.request_batch WHERE company_id IS NOT NULL"
)
_UNOWNED = (
    f"INSERT INTO audit_unownedrequest (id, {_SHARED}) "  # noqa: S608 - constants only
    f"SELECT id, {_SHARED} FROM pg_temp.request_batch WHERE company_id IS NULL"
)
_FORGET_KNOWN = """
DELETE FROM pg_temp.request_batch b WHERE
  (b.company_id IS NOT NULL AND EXISTS (SELECT FROM audit_requestlog r WHERE r.id = b.id))
  OR (b.company_id IS NULL AND EXISTS (SELECT FROM audit_unownedrequest u WHERE u.id = b.id))
RETURNING b.id
"""
# Requests beyond an address's failure limit are counted but not stored.
COUNTED_ONLY = frozenset({"too_many_failures"})
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_BACKSLASH = ord("\\")

Row = list[Any]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A batch ready to be written, with all CPU work done before the transaction."""

    rows: dict[str, Row]
    counted: list[Row]
    copy: str
    leaves: dict[Chain, bytes]
    cells: rollups.Cells
    usage: rollups.UsageCells
    unowned: rollups.UnownedCounts


def prepare(batch: list[Row]) -> Prepared:
    """Hash, count and format the rows of `batch`. Raises ValueError or TypeError for an invalid row."""
    by_id = {row[rows.ID]: row for row in batch}
    counted = [
        row for row in by_id.values() if row[rows.COMPANY] is None and row[rows.REFUSED] in COUNTED_ONLY
    ]
    for row in counted:
        del by_id[row[rows.ID]]
    contents = {row_id: canonical(hashed_request(row)) for row_id, row in by_id.items()}
    unowned = [row for row in by_id.values() if row[rows.COMPANY] is None]
    cells, usage = rollups.count(row for row in by_id.values() if row[rows.COMPANY] is not None)
    return Prepared(
        rows=by_id,
        counted=counted,
        copy="".join([_copy_line(row, contents[row_id]) for row_id, row in by_id.items()]),
        leaves=_leaves(by_id, contents),
        cells=cells,
        usage=usage,
        unowned=rollups.count_unowned([*unowned, *counted]),
    )


def store(batch: list[Row]) -> int:
    """Write the rows of `batch` and return how many were new. If it raises django.db.Error, nothing was written."""
    return write(prepare(batch))


def write(prepared: Prepared) -> int:
    """Write a prepared batch and return how many rows were new. If it raises django.db.Error, nothing was written."""
    with system_context(reason="request log"), connection.cursor() as cursor:
        if prepared.rows:
            cursor.execute(_STAGE)
            with copying(_COPY) as copy:
                copy.write(prepared.copy)
            if not _insert(cursor):
                prepared = _insert_new_rows(cursor, prepared)
        rollups.add(cursor, prepared.cells)
        rollups.add_usage(cursor, prepared.usage)
        rollups.add_unowned(cursor, prepared.unowned)
        chain.append(cursor, prepared.leaves)
    return len(prepared.rows) + len(prepared.counted)


def _insert(cursor: CursorWrapper) -> bool:
    """Insert the copied rows. False if some of them already exist, in which case none was inserted.

    Does not use ON CONFLICT, which looks up every row before inserting it, because redeliveries are rare.
    """
    try:
        with transaction.atomic():
            cursor.execute(_OWNED)
            cursor.execute(_UNOWNED)
    except IntegrityError as error:
        if not isinstance(error.__cause__, UniqueViolation):
            raise
        return False
    return True


def _insert_new_rows(cursor: CursorWrapper, prepared: Prepared) -> Prepared:
    """Insert the new rows of a redelivery. Only these may be counted and sealed."""
    cursor.execute(_FORGET_KNOWN)
    known = {found.hex for (found,) in cursor.fetchall()}
    if not _insert(cursor):
        raise OperationalError("Another writer added the same rows at this moment; they are delivered again.")
    return prepare(
        [*(row for row_id, row in prepared.rows.items() if row_id not in known), *prepared.counted]
    )


def _copy_line(row: Row, content: bytes) -> str:
    """Return a row in COPY's text format."""
    trace = row[rows.TRACE]
    written = canonical(trace).decode() if trace is not None else None
    values = [*row[: rows.TRACE], written, *row[rows.TRACE + 1 :]]
    # JSON already escapes everything that COPY's format would need escaped.
    if trace is not None or _BACKSLASH in content:
        values = [value.translate(_ESCAPES) if isinstance(value, str) else value for value in values]
    return "\t".join(["\\N" if value is None else str(value) for value in values]) + "\n"


def _leaves(by_id: dict[str, Row], contents: dict[str, bytes]) -> dict[Chain, bytes]:
    """Return the leaves for each chain that the rows extend, in the order of the rows' ids."""
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
