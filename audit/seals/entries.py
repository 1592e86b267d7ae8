"""Seals audit entries shortly after they were committed.

Entries are written in the transactions of the changes themselves, so they are not chained there (every change of a company
would wait for the previous one). Each inserts a row for the sealer instead, which appends committed entries to their chains in
batches. Entries committed since the last run, up to a minute ago, are not sealed yet. An open transaction delays only its own
entries; they are sealed once it has ended, in a later seal, never among earlier ones.
"""

import uuid
from collections import defaultdict
from typing import Any

from django.db import connection
from django.db.backends.utils import CursorWrapper

from audit.days import day_of
from audit.models import Streams
from audit.seals import chain
from audit.seals.content import ENTRY_COLUMNS, STAFF_COLUMNS, entry_content
from audit.signing import Chain, canonical, leaf
from core.background import set_aside
from core.tenancy import system_context
from core.values import ids

BATCH = 5_000
BATCH_NAME = "audit.seal"
_LOCK = 0x706F6D_7365_616C  # one sealer at a time (an arbitrary constant)
_TABLES = {
    Streams.ENTRIES: ("audit_auditentry", ENTRY_COLUMNS),
    Streams.STAFF: ("audit_staffentry", STAFF_COLUMNS),
}
_TAKE = """
SELECT id FROM audit_unsealedentry WHERE stream = %s AND missing_since IS NULL ORDER BY sequence LIMIT %s
"""


def seal_waiting() -> int:
    """Seal every committed entry. Return how many were sealed."""
    sealed = 0
    for stream in _TABLES:
        while True:
            count, more = _seal_batch(stream)
            sealed += count
            if not more:
                break
    return sealed


def _seal_batch(stream: Streams) -> tuple[int, bool]:
    """Seal the next batch of entries. Return how many were sealed, and whether there may be more."""
    with system_context(reason="seal audit entries"), connection.cursor() as cursor:
        # A separate statement after locking, so that it sees everything the previous sealer has committed.
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        cursor.execute(_TAKE, [stream, BATCH])
        taken = [row_id for (row_id,) in cursor.fetchall()]
        if not taken:
            return 0, False
        found = _read(cursor, stream, taken)
        chain.append(cursor, _grouped([found[row_id] for row_id in taken if row_id in found]))
        cursor.execute("DELETE FROM audit_unsealedentry WHERE id = ANY(%s)", [list(found)])
        missing = [row_id for row_id in taken if row_id not in found]
        if missing:
            cursor.execute(
                "UPDATE audit_unsealedentry SET missing_since = now() WHERE id = ANY(%s)", [missing]
            )
    return len(found), len(taken) == BATCH


def _read(
    cursor: CursorWrapper, stream: Streams, wanted: list[uuid.UUID]
) -> dict[uuid.UUID, tuple[Chain, bytes]]:
    """Return the chain and leaf of each entry by id, except for missing and unreadable ones.

    Both are left unsealed and marked as missing; unreadable ones are also set aside with the reason.
    """
    table, columns = _TABLES[stream]
    cursor.execute(f"SELECT {columns} FROM {table} WHERE id = ANY(%s)", [wanted])  # noqa: S608 - constants only
    found: dict[uuid.UUID, tuple[Chain, bytes]] = {}
    for values in cursor.fetchall():
        try:
            found[values[0]] = _leaf(entry_content(values), stream)
        except Exception as error:  # one entry must not stop the others from being sealed
            set_aside.record_failure(BATCH_NAME, ids.encode("aud", values[0]), error, row_id=values[0])
    return found


def _leaf(content: list[Any], stream: Streams) -> tuple[Chain, bytes]:
    row_id = uuid.UUID(content[0])
    company = uuid.UUID(content[1]) if content[1] else chain.NOBODY
    name = Chain(company, content[2] or "live", stream, day_of(row_id))
    return name, leaf(row_id.bytes, canonical(content))


def _grouped(leaves: list[tuple[Chain, bytes]]) -> dict[Chain, bytes]:
    """Return the leaves of each chain in order."""
    by_chain: defaultdict[Chain, list[bytes]] = defaultdict(list)
    for name, one in leaves:
        by_chain[name].append(one)
    return {name: b"".join(ones) for name, ones in by_chain.items()}
