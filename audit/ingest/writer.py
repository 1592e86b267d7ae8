"""Writes the stream of requests to PostgreSQL."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import orjson
import structlog
from django.conf import settings
from django.db import connection
from django.db.utils import IntegrityError
from prometheus_client import Counter

from audit.ingest import batches, spill, stream
from audit.ingest.consumer import Consumer, Rows
from audit.ingest.store import day_of_row, store
from audit.ingest.stream import StreamEntry
from audit.partitions.tables import ensure_partitions
from core import clock

# Batches claimed at once, and rows per transaction: larger values mean fewer updates of roll-ups and chains.
TAKE = 40
MAX_ROWS = 20_000
TAKE_BACK_SECONDS = 60.0
BATCH_NAME = "audit.write_requests"

log = structlog.get_logger("pomelo.audit")
WRITTEN = Counter("pomelo_request_log_written_total", "Requests written to the log")
REFUSED = Counter("pomelo_request_log_refused_total", "Requests PostgreSQL would not take")
SET_ASIDE = Counter(
    "pomelo_request_log_set_aside_total",
    "Batches that are not believed (not_ours) or not understood (unknown_schema, unreadable)",
    ["reason"],
)


class Writer(Consumer):
    """One consumer of the stream of requests."""

    stream = stream.REQUESTS
    suffix = spill.REQUESTS
    take = TAKE
    max_rows = MAX_ROWS
    batch_name = BATCH_NAME
    written = WRITTEN
    refused = REFUSED

    def unpack(self, payload: bytes) -> Rows:
        """Return the rows of a batch, of this release or of the one before."""
        return batches.unpack(payload)

    def store(self, batch: Rows) -> int:
        """Write requests with their roll-ups and seals."""
        return store(batch)

    def not_understood(self, delivery: StreamEntry, reason: str) -> None:
        """Set a batch aside: requests are evidence."""
        self.stream.set_aside(delivery.payload, reason)
        SET_ASIDE.labels(reason).inc()
        log.error(
            "request_log_batch_set_aside", reason=reason, entry=str(delivery.entry_id), see="docs/audit.md"
        )

    def store_otherwise(self, batch: Rows, error: Exception) -> int | None:
        """Create missing partitions for rows that waited long, and skip rows outside the retention or far in the future."""
        if not (isinstance(error, IntegrityError) and "no partition" in str(error)):
            return super().store_otherwise(batch, error)
        today = clock.now().date()
        kept, oldest = [], today - timedelta(days=settings.AUDIT_RETENTION_DAYS)
        for row in batch:
            if oldest <= day_of_row(row) <= today + timedelta(days=1):
                kept.append(row)
            else:
                self.refuse(row, "Its day is over, or far away: there is no partition for it.")
        ensure_partitions(sorted({day_of_row(row) for row in kept}))
        return store(kept) if kept else 0

    def _prepare(self) -> None:
        _requeue_known_batches()

    def _write_new(self, is_over: Callable[[], bool]) -> int:
        """Write new batches. If they exceed one transaction, a second connection helps.

        PostgreSQL then inserts on two cores; roll-ups and seals are short and come last in each transaction.
        """
        deliveries = [] if is_over() else self.stream.read_new(self.name, TAKE)
        if len(deliveries) < TAKE:
            return self.write(deliveries) if deliveries else 0
        with ThreadPoolExecutor(1, thread_name_prefix="request-log-writer") as second:
            helper = second.submit(self._help, is_over)
            written = 0
            while deliveries:
                written += self.write(deliveries)
                deliveries = [] if is_over() else self.stream.read_new(self.name, TAKE)
            return written + helper.result()

    def _help(self, is_over: Callable[[], bool]) -> int:
        """Write on this thread's own connection until nothing is pending."""
        try:
            return super()._write_new(is_over)
        finally:
            connection.close()

    def adopt_unsealed(self) -> int:
        """Store batches left in the stream by a release before seals. Return how many requests were new.

        They are not authenticated, so only an operator who knows that nobody else could write to Valkey requests this.
        Raises ValkeyUnavailable, django.db.Error.
        """
        written = 0
        while deliveries := stream.read_unsealed(TAKE):
            batch = [row for delivery in deliveries for row in orjson.loads(delivery.payload)]
            written += self.store_all(batch)
            stream.forget_unsealed(deliveries)
        return written


_last_taken_back = float("-inf")


def _requeue_known_batches() -> None:
    """Requeue batches that another release's writer set aside but this one understands.

    While two releases run side by side, the older may receive batches of the newer. Raises ValkeyUnavailable.
    """
    global _last_taken_back
    if time.monotonic() - _last_taken_back < TAKE_BACK_SECONDS:
        return
    _last_taken_back = time.monotonic()
    for deliveries in stream.REQUESTS.read_set_aside(TAKE):
        if known := [delivery for delivery in deliveries if _is_known(delivery)]:
            if not all(stream.REQUESTS.add(delivery.payload) for delivery in known):
                return  # full; rows added so far are recognized if they are delivered again
            stream.REQUESTS.remove_from_aside(known)


def _is_known(delivery: StreamEntry) -> bool:
    try:
        batches.unpack(delivery.payload)
    except Exception:  # see Consumer._rows
        return False
    return True
