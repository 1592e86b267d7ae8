"""Drops expired days: after a signed checkpoint, detached without blocking writers, then dropped (docs/architecture.md, Audit).

Bodies of requests, which are no evidence, are deleted row by row.
"""

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import structlog
from django.conf import settings
from django.db import OperationalError, connections

from audit.days import day_bounds
from audit.kept import MOST_KEPT
from audit.models import (
    PruneCheckpoint,
    SealHead,
    Streams,
)
from audit.partitions.tables import OWNER, PARENTS, list_partitions
from audit.seals.entries import seal_waiting
from audit.seals.heads import append_to_file, sign_heads, statement_of
from audit.signing import VERSION, public_key, sign
from core import clock
from core.background.pruning import in_steps
from core.clock import rfc3339
from core.tenancy import system_context

# A day's last rows are sealed a little later, so their seals are in the next day's partition.
SEALS_KEPT_LONGER = timedelta(days=2)
# The longest that our statements may wait for a lock, because others queue behind them.
LOCK_TIMEOUT_MS = 50
ATTEMPTS = 20

STREAM_OF = {
    "audit_auditentry": Streams.ENTRIES,
    "audit_staffentry": Streams.STAFF,
    "audit_requestlog": Streams.REQUESTS,
    "audit_unownedrequest": Streams.UNOWNED,
}
# Each is served by an index, oldest first.
_DELETE_ROLLUPS = {
    "audit_requestrollup": """
    DELETE FROM audit_requestrollup WHERE id IN (
        SELECT id FROM audit_requestrollup WHERE hour < %(before)s ORDER BY hour LIMIT %(step)s
    )
    """,
    "audit_usagerollup": """
    DELETE FROM audit_usagerollup WHERE id IN (
        SELECT id FROM audit_usagerollup WHERE start < %(before)s ORDER BY start LIMIT %(step)s
    )
    """,
    "audit_unownedcount": """
    DELETE FROM audit_unownedcount WHERE id IN (
        SELECT id FROM audit_unownedcount WHERE hour < %(before)s ORDER BY hour LIMIT %(step)s
    )
    """,
    # Entries removed before they were sealed are reported for as long as their day would be kept.
    "audit_unsealedentry": """
    DELETE FROM audit_unsealedentry WHERE id IN (
        SELECT id FROM audit_unsealedentry WHERE id < %(first)s AND missing_since IS NOT NULL ORDER BY id LIMIT %(step)s
    )
    """,
}
_DELETE_BODIES = """
DELETE FROM audit_requestbodies WHERE id IN (
    SELECT id FROM audit_requestbodies WHERE expires_at <= %(now)s ORDER BY expires_at LIMIT %(step)s
)
"""
# Bodies of before the moment from which their company has them kept: it deleted those. The bound of the ids, UUIDv7 of when the
# requests arrived, makes it a range of an index.
_DELETE_DELETED_BODIES = """
DELETE FROM audit_requestbodies WHERE id IN (
    SELECT b.id FROM accounts_company c
    CROSS JOIN LATERAL (
        VALUES ('test', c.test_bodies_from), ('live', c.live_bodies_from)
    ) AS kept (mode, since)
    CROSS JOIN LATERAL (
        SELECT id FROM audit_requestbodies
        WHERE company_id = c.id AND mode = kept.mode AND created < coalesce(kept.since, 'infinity')
          AND id < coalesce(
            (lpad(to_hex((extract(epoch FROM kept.since) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid,
            'ffffffff-ffff-ffff-ffff-ffffffffffff'
          )
        ORDER BY id LIMIT %(step)s
    ) b
    LIMIT %(step)s
)
"""
# What a company has beyond its newest, found at the end of that range of the index of its own.
_DELETE_SURPLUS_BODIES = """
DELETE FROM audit_requestbodies WHERE id IN (
    SELECT b.id FROM accounts_company c
    CROSS JOIN (VALUES ('test'), ('live')) AS kept (mode)
    CROSS JOIN LATERAL (
        SELECT id FROM audit_requestbodies WHERE company_id = c.id AND mode = kept.mode
        ORDER BY id DESC LIMIT %(step)s OFFSET %(most)s
    ) b
    LIMIT %(step)s
)
"""
_OWN_NAME = re.compile(rf"^({'|'.join(PARENTS)})_p(\d{{8}})$")

log = structlog.get_logger("pomelo.audit")


@dataclass(frozen=True, slots=True)
class Expired:
    """A table to drop: a partition, or (after an interruption) an already detached one."""

    parent: str
    name: str
    day: date
    state: str  # attached, detaching or detached

    def __str__(self) -> str:
        return f"{self.name} ({self.day.isoformat()}, {self.state})"


def find_expired(today: date) -> list[Expired]:
    """Return the tables entirely outside the retention, oldest first: `AUDIT_RETENTION_DAYS` full days before today are kept."""
    found = [
        Expired(p.parent, p.name, p.day, "detaching" if p.is_detaching else "attached")
        for p in list_partitions()
        if _is_over(p.parent, p.day, today)
    ]
    found += [orphan for orphan in _orphans() if _is_over(orphan.parent, orphan.day, today)]
    return sorted(found, key=lambda e: (e.day, e.parent))


def prune(*, today: date | None = None, max_steps: int = 2_000) -> list[Expired]:
    """Drop every expired day and delete expired roll-ups. Return the dropped tables.

    Roll-ups are deleted a thousand at a time, at most `max_steps` times for each kind. Runs outside any transaction and may be
    interrupted at any point; the next run continues. Raises django.db.Error if PostgreSQL refuses.
    """
    today = today or clock.now().date()
    expired = find_expired(today)
    if expired:
        seal_waiting()
        sign_heads()
    for table in expired:
        if table.parent in STREAM_OF:
            _write_checkpoint(table)
        _drop(table)
        log.info("audit_day_dropped", table=table.name, day=table.day.isoformat())
    _prune_rollups(today, max_steps)
    return expired


def prune_expired_bodies(*, now: datetime, max_steps: int = 2_000) -> int:
    """Delete bodies of requests that expired, that their company deleted, and beyond the newest; return how many."""
    return sum(
        in_steps(
            "audit_requestbodies",
            statement,
            {"now": now, "most": MOST_KEPT},
            reason=f"{which} bodies of requests",
            max_steps=max_steps,
        )
        for which, statement in (
            ("expired", _DELETE_BODIES),
            ("deleted", _DELETE_DELETED_BODIES),
            ("surplus", _DELETE_SURPLUS_BODIES),
        )
    )


def heads_digest(stream: str, day: date) -> tuple[int, int, bytes]:
    """Return the number of heads and rows of a stream's day, and the SHA-256 over its heads. Requires system_context."""
    digest, heads, rows = hashlib.sha256(), 0, 0
    for head in SealHead.objects.filter(stream=stream, day=day).order_by("company_id", "mode"):
        digest.update(statement_of(head) + b"\n")
        heads, rows = heads + 1, rows + head.rows
    return heads, rows, digest.digest()


def checkpoint_statement(table: str, day: date, heads: int, rows: int, digest: bytes) -> bytes:
    """Return the text signed by a checkpoint's signature."""
    return f"{VERSION} dropped {table} {day.isoformat()} heads={heads} rows={rows} digest={digest.hex()}".encode()


def _is_over(parent: str, day: date, today: date) -> bool:
    oldest = today - timedelta(days=settings.AUDIT_RETENTION_DAYS)
    return day < (oldest - SEALS_KEPT_LONGER if parent == "audit_seal" else oldest)


def _write_checkpoint(table: Expired) -> None:
    """Write a signed record of the day's contents to the database and to the file outside it."""
    with system_context(reason="audit retention"):
        if PruneCheckpoint.objects.filter(table=table.parent, day=table.day).exists():
            return
        heads, rows, digest = heads_digest(STREAM_OF[table.parent], table.day)
        signature = sign(checkpoint_statement(table.parent, table.day, heads, rows, digest))
        checkpoint = PruneCheckpoint.objects.create(
            table=table.parent,
            day=table.day,
            rows=rows,
            heads=heads,
            heads_digest=digest,
            signature=signature,
        )
        append_to_file(
            [
                {
                    "dropped": table.parent,
                    "day": table.day.isoformat(),
                    "heads": heads,
                    "rows": rows,
                    "digest": digest.hex(),
                    "signature": signature.hex(),
                    "created": rfc3339(checkpoint.created),
                    "public_key": public_key().hex(),
                }
            ]
        )


def _drop(table: Expired) -> None:
    if table.state == "detaching":
        _run(f'ALTER TABLE "{table.parent}" DETACH PARTITION "{table.name}" FINALIZE')
    elif table.state == "attached":
        _detach(table)
    _run(f'DROP TABLE "{table.name}"')


def _detach(table: Expired) -> None:
    """Detach concurrently: it waits for transactions that use the parent, but does not block others."""
    with connections[OWNER].cursor() as cursor:
        cursor.execute("SET lock_timeout = 0")
        cursor.execute(f'ALTER TABLE "{table.parent}" DETACH PARTITION "{table.name}" CONCURRENTLY')


def _run(statement: str) -> None:
    """Run a statement with a short lock timeout and retries, so that others do not queue behind its lock."""
    for attempt in range(ATTEMPTS):
        try:
            with connections[OWNER].cursor() as cursor:
                cursor.execute(f"SET lock_timeout = {LOCK_TIMEOUT_MS}")
                cursor.execute(statement)
        except OperationalError as error:
            if "lock timeout" not in str(error) or attempt == ATTEMPTS - 1:
                raise
        else:
            return


def _orphans() -> list[Expired]:
    """Return detached tables with a partition's name, left by a run that was killed between detach and drop."""
    with connections[OWNER].cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class c WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace "
            "AND NOT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = c.oid)"
        )
        names = [_OWN_NAME.match(name) for (name,) in cursor.fetchall()]
    return [
        Expired(
            match[1], match[0], datetime.strptime(match[2], "%Y%m%d").replace(tzinfo=UTC).date(), "detached"
        )
        for match in names
        if match
    ]


def _prune_rollups(today: date, max_steps: int) -> None:
    oldest = today - timedelta(days=settings.AUDIT_RETENTION_DAYS)
    bounds = {
        "before": datetime(oldest.year, oldest.month, oldest.day, tzinfo=UTC),
        "first": day_bounds(oldest)[0],
    }
    for table, statement in _DELETE_ROLLUPS.items():
        in_steps(table, statement, bounds, reason="audit retention", max_steps=max_steps)
