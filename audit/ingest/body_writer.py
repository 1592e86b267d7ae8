"""Writes bodies of requests to PostgreSQL: each once, and none that its company no longer has kept."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import DatabaseError, connection
from prometheus_client import Counter

from audit.ingest import bodies, spill, stream
from audit.ingest.bodies import BATCH_ROWS
from audit.ingest.consumer import Consumer, Rows
from audit.ingest.stream import StreamEntry
from audit.kept import KEPT_FOR
from core import clock
from core.postgres.failures import is_conflict
from core.tenancy import system_context

BATCH_NAME = "audit.write_bodies"
# A batch has up to BATCH_ROWS rows of 45 kB.
TAKE = 4

log = structlog.get_logger("pomelo.audit")
WRITTEN = Counter("pomelo_request_bodies_written_total", "Requests whose bodies were kept")
REFUSED = Counter("pomelo_request_bodies_refused_total", "Requests whose bodies PostgreSQL would not take")
IGNORED = Counter(
    "pomelo_request_bodies_ignored_total",
    "Batches of bodies that are not believed (not_ours) or not understood (unknown_schema, unreadable)",
    ["reason"],
)

# Whoever changes what is kept waits for this, or this for them: nothing is added after it was deleted. It waits for one company
# only while it holds no other, so that a change of many is no deadlock; and not for long, because a worker does nothing else then.
_LOCK_COMPANY = "SELECT FROM accounts_company WHERE id = ANY(%s) FOR SHARE"
_LOCK_COMPANIES = f"{_LOCK_COMPANY} NOWAIT"
_WAIT_BRIEFLY = "SET LOCAL lock_timeout = '100ms'"
_INSERT = """
INSERT INTO audit_requestbodies (id, company_id, mode, created, expires_at, request, response)
SELECT b.* FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::timestamptz[], %s::timestamptz[], %s::bytea[], %s::bytea[])
  AS b (id, company_id, mode, created, expires_at, request, response)
JOIN accounts_company c ON c.id = b.company_id
WHERE b.expires_at > %s AND CASE b.mode
  WHEN 'test' THEN b.created >= c.test_bodies_from AND (c.test_bodies_until IS NULL OR b.created < c.test_bodies_until)
  ELSE b.created >= c.live_bodies_from AND b.created < c.live_bodies_until
END
ON CONFLICT (id) DO NOTHING
"""


class BodyWriter(Consumer):
    """One consumer of the stream of bodies."""

    stream = stream.BODIES
    suffix = spill.BODIES
    take = TAKE
    max_rows = TAKE * BATCH_ROWS
    batch_name = BATCH_NAME
    written = WRITTEN
    refused = REFUSED

    def unpack(self, payload: bytes) -> Rows:
        """Return the rows of a batch."""
        return bodies.unpack(payload)

    def store(self, batch: Rows) -> int:
        """Write those bodies that their companies have kept."""
        return store(batch)

    def not_understood(self, delivery: StreamEntry, reason: str) -> None:
        """Drop a batch: kept for an operator, it would outlive its expiry."""
        IGNORED.labels(reason).inc()
        log.error("request_bodies_ignored", reason=reason, entry=str(delivery.entry_id), see="docs/audit.md")

    def refuse(self, row: list[Any], error: BaseException | str) -> None:
        """Set a row aside with the kind of error only: its message quotes the row."""
        super().refuse(row, type(error).__name__)

    def store_otherwise(self, batch: Rows, error: Exception) -> int | None:
        """Store company by company where one of them is locked. Raises the last conflict, after all others were stored."""
        if not is_conflict(error) or len(parts := _by_company(batch)) == 1:
            return super().store_otherwise(batch, error)
        written = 0
        conflict: DatabaseError | None = None
        for part in parts:
            try:
                written += self.store_by_halves(part)
            except DatabaseError as caught:
                if not is_conflict(caught):
                    raise
                conflict = caught
        if conflict is not None:
            WRITTEN.inc(written)
            raise conflict
        return written


def store(batch: Rows) -> int:
    """Write rows of audit.ingest.bodies.CONTENT and return how many were new. Raises django.db.Error, ValueError, TypeError."""
    columns = list(zip(*(_columns(row) for row in batch), strict=True))
    with system_context(reason="bodies of requests"), connection.cursor() as cursor:
        companies = set(columns[1])
        if len(companies) == 1:
            cursor.execute(_WAIT_BRIEFLY)
        cursor.execute(_LOCK_COMPANIES if len(companies) > 1 else _LOCK_COMPANY, [list(companies)])
        cursor.execute(_INSERT, [*map(list, columns), clock.now()])
        return cursor.rowcount


def _columns(row: list[Any]) -> tuple[Any, ...]:
    request_hex, company, mode, at, request, response = row
    created = datetime.fromtimestamp(at, UTC)
    return (
        uuid.UUID(request_hex),
        uuid.UUID(company),
        mode,
        created,
        created + min(KEPT_FOR[mode], timedelta(days=settings.AUDIT_RETENTION_DAYS)),
        request.encode("ascii"),
        response.encode("ascii"),
    )


def _by_company(batch: Rows) -> list[Rows]:
    parts: dict[str, Rows] = {}
    for row in batch:
        parts.setdefault(row[1], []).append(row)
    return list(parts.values())
