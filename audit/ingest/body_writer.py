"""Writes bodies of requests to PostgreSQL: each once, and none that its company no longer has kept."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import DatabaseError, connection
from prometheus_client import Counter

from audit.ingest import bodies, spill, stream
from audit.ingest.consumer import Consumer
from audit.ingest.stream import StreamEntry
from audit.kept import KEPT_FOR
from core import clock
from core.background import set_aside
from core.postgres.failures import is_conflict
from core.security import sealed
from core.tenancy import system_context
from core.values import ids

BATCH_NAME = "audit.write_bodies"
# A batch has up to 16 rows of 45 kB.
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

    def write(self, deliveries: list[StreamEntry]) -> int:
        """Store the bodies of `deliveries`, acknowledge them, and return how many were new. Raises django.db.Error."""
        batch = [row for delivery in deliveries for row in _rows(delivery)]
        written = _store(batch) if batch else 0
        WRITTEN.inc(written)
        self.stream.done(deliveries)
        return written


def store(batch: list[list[Any]]) -> int:
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


def _rows(delivery: StreamEntry) -> list[list[Any]]:
    """Return the rows of an entry; none of one that we did not write, or do not understand, which is not worth keeping."""
    try:
        return bodies.unpack(delivery.payload)
    except sealed.InvalidSealedValue:
        reason = "not_ours"
    except sealed.UnknownSchema:
        reason = "unknown_schema"
    except Exception:  # ours but invalid: it must not block the others by being read again and again
        reason = "unreadable"
    IGNORED.labels(reason).inc()
    log.error("request_bodies_ignored", reason=reason, entry=str(delivery.entry_id), see="docs/audit.md")
    return []


def _store(batch: list[list[Any]]) -> int:
    """Store a batch, company by company if one of them is locked. A row that cannot be stored is found by bisection, set aside and skipped."""
    try:
        return store(batch)
    except Exception as error:
        # Errors that may resolve leave the batch in the stream; anything else would be redelivered forever.
        if set_aside.concerns_all(error):
            raise
        if is_conflict(error):
            parts = _by_company(batch)
            if len(parts) == 1:
                raise
            return _store_each(parts)
        if len(batch) == 1:
            REFUSED.inc()
            # Only the kind of error: its message quotes the row.
            set_aside.record_failure(BATCH_NAME, _named(batch[0]), type(error).__name__)
            return 0
        middle = len(batch) // 2
        return _store(batch[:middle]) + _store(batch[middle:])


def _store_each(parts: list[list[list[Any]]]) -> int:
    """Store the batches of several companies. Raises the last conflict, after all others were stored."""
    written = 0
    conflict: DatabaseError | None = None
    for part in parts:
        try:
            written += _store(part)
        except DatabaseError as error:
            if not is_conflict(error):
                raise
            conflict = error
    if conflict is not None:
        WRITTEN.inc(written)
        raise conflict
    return written


def _by_company(batch: list[list[Any]]) -> list[list[list[Any]]]:
    parts: dict[str, list[list[Any]]] = {}
    for row in batch:
        parts.setdefault(row[1], []).append(row)
    return list(parts.values())


def _named(row: list[Any]) -> str:
    try:
        return ids.encode("req", uuid.UUID(row[0]))
    except (IndexError, TypeError, ValueError, AttributeError):
        return "a row without an id"
