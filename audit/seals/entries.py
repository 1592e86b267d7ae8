"""Sealing audit entries a little after they were committed.

Entries are written in the transactions of the changes themselves, so they are not chained there (every change of a
company would wait for the one before). Instead the sealer takes, in batches, the rows of transactions that can no longer
be overtaken. What is not yet sealed: the last minute, and whatever a transaction still open holds back.
"""

import uuid
from collections import defaultdict
from typing import Any

from django.db import connection
from django.db.backends.utils import CursorWrapper

from audit.days import day_of
from audit.models import SealCursor, Streams
from audit.seals import chain
from audit.seals.content import ENTRY_COLUMNS, STAFF_COLUMNS, entry_content
from audit.signing import Chain, canonical, leaf
from core.tenancy import system_context

BATCH = 5_000
_TABLES = {
    Streams.ENTRIES: ("audit_auditentry", ENTRY_COLUMNS),
    Streams.STAFF: ("audit_staffentry", STAFF_COLUMNS),
}


def seal_waiting() -> int:
    """Seal every entry of ended transactions; return how many there were."""
    sealed = 0
    for stream in _TABLES:
        while True:
            count, more = _seal_batch(stream)
            sealed += count
            if not more:
                break
    return sealed


def _seal_batch(stream: Streams) -> tuple[int, bool]:
    """Seal the next transactions' rows; return how many, and whether there may be more."""
    table, columns = _TABLES[stream]
    with system_context(reason="seal audit entries"), connection.cursor() as cursor:
        SealCursor.objects.get_or_create(stream=stream)
        begin = SealCursor.objects.select_for_update().get(stream=stream).transaction_id
        cursor.execute(
            "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint, "
            "pg_snapshot_xmax(pg_current_snapshot())::text::bigint"
        )
        end, newest = cursor.fetchone()
        if newest < begin:
            # The database was restored from a dump and counts its transactions anew: find by hand what has no leaf.
            rows = _unsealed_by_comparison(cursor, table, columns, end)
            more = False
        else:
            rows = _between(cursor, table, columns, begin, end)
            more = len(rows) > BATCH
        if more:
            # A whole number of transactions: the last one taken may have rows that were cut off.
            last = rows[-1][0]
            complete = [row for row in rows if row[0] < last]
            if complete:
                rows, end = complete, last
            else:
                rows = _between(cursor, table, columns, last, last + 1, limit=None)
                end = last + 1
        chain.append(cursor, _leaves([row[1:] for row in rows], stream))
        SealCursor.objects.filter(stream=stream).update(transaction_id=end)
    return len(rows), more


def _between(
    cursor: CursorWrapper, table: str, columns: str, begin: int, end: int, *, limit: int | None = BATCH + 1
) -> list[Any]:
    """Return transaction id and content of rows in [begin, end), in the order of their transactions."""
    cursor.execute(
        f"SELECT transaction_id::text::bigint, {columns} FROM {table} "  # noqa: S608 - constants only
        "WHERE transaction_id >= %s::text::xid8 AND transaction_id < %s::text::xid8 "
        "ORDER BY transaction_id LIMIT %s",
        [str(begin), str(end), limit],
    )
    return cursor.fetchall()


def _unsealed_by_comparison(cursor: CursorWrapper, table: str, columns: str, end: int) -> list[Any]:
    """Return the rows that no seal has a leaf for, by reading everything once."""
    cursor.execute(
        f"SELECT transaction_id::text::bigint, {columns} FROM {table} t "  # noqa: S608 - constants only
        "WHERE transaction_id < %s::text::xid8 AND NOT EXISTS (SELECT FROM audit_seal s, "
        "generate_series(0, s.rows - 1) AS n WHERE s.stream = %s "
        "AND substring(s.leaves FROM n * 48 + 1 FOR 16) = uuid_send(t.id)) ORDER BY transaction_id",
        [str(end), "entries" if table == "audit_auditentry" else "staff"],
    )
    return cursor.fetchall()


def _leaves(found: list[Any], stream: Streams) -> dict[Chain, bytes]:
    grouped: defaultdict[Chain, list[bytes]] = defaultdict(list)
    for values in found:
        content = entry_content(values)
        row_id = uuid.UUID(content[0])
        company = uuid.UUID(content[1]) if content[1] else chain.NOBODY
        grouped[Chain(company, content[2] or "live", stream, day_of(row_id))].append(
            leaf(row_id.bytes, canonical(content))
        )
    return {name: b"".join(sorted(leaves)) for name, leaves in grouped.items()}
