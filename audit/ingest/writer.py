"""From the stream into PostgreSQL, acknowledged after the commit. Any number of writers may run; each is interruptible."""

import os
import socket
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import orjson
import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.db.utils import DataError, IntegrityError
from prometheus_client import Counter
from redis.exceptions import RedisError, ResponseError

from audit.ingest import stream
from audit.ingest.store import day_of_row, store
from audit.partitions.tables import ensure_partitions
from core import clock
from core.valkey import ValkeyUnavailable

# Batches taken at once, and rows written in one transaction: the more, the fewer times a roll-up or a chain is touched.
TAKE = 40
MAX_ROWS = 20_000

log = structlog.get_logger("pomelo.audit")
WRITTEN = Counter("pomelo_request_log_written_total", "Requests written to the log")
REFUSED = Counter("pomelo_request_log_refused_total", "Requests PostgreSQL would not take")


class Writer:
    """One consumer of the stream."""

    def __init__(self, name: str | None = None) -> None:
        self.name = name or f"{socket.gethostname()}-{os.getpid()}"
        self._has_group = False

    def drain(self, *, seconds: float, stop: Callable[[], bool] = lambda: False) -> int:
        """Write what waits, for at most `seconds` or until the stream is empty; return how many rows were new.

        Returns early when PostgreSQL or Valkey fails: nothing is lost, since nothing was acknowledged.
        """
        deadline, written = time.monotonic() + seconds, 0
        try:
            if not self._has_group:
                stream.ensure_group()
                self._has_group = True
            # What this writer took and could not write, then what a dead writer took, then new batches.
            for take in (stream.read_own, stream.take_over, stream.read_new):
                while time.monotonic() < deadline and not stop():
                    deliveries = take(self.name, TAKE)
                    if not deliveries:
                        break
                    written += self.write(deliveries)
        except ResponseError as error:
            if "NOGROUP" not in str(error):
                raise
            self._has_group = False  # FLUSHALL: made again at the next call
        except (ValkeyUnavailable, RedisError, OSError) as error:
            log.warning("request_log_valkey_unavailable", error=str(error))
        except (OperationalError, InterfaceError) as error:
            log.warning("request_log_postgresql_unavailable", error=str(error))
        return written

    def write(self, deliveries: list[stream.Delivery]) -> int:
        """Store the rows of `deliveries` and acknowledge them; return how many were new. Raises django.db.Error."""
        batch = [row for delivery in deliveries for row in orjson.loads(delivery.payload)]
        written = sum(_store(batch[start : start + MAX_ROWS]) for start in range(0, len(batch), MAX_ROWS))
        WRITTEN.inc(written)
        stream.done(deliveries)
        return written


def _store(batch: list[list[Any]]) -> int:
    """Store a batch. A row PostgreSQL will not take is found by halving, said in the log and left out."""
    try:
        return store(batch)
    except (DataError, IntegrityError, ValueError, TypeError) as error:
        if isinstance(error, IntegrityError) and "no partition" in str(error):
            return _store_without_strangers(batch)
        if len(batch) == 1:
            REFUSED.inc()
            log.exception("request_log_row_refused", row=batch[0])
            return 0
        middle = len(batch) // 2
        return _store(batch[:middle]) + _store(batch[middle:])


def _store_without_strangers(batch: list[list[Any]]) -> int:
    """Make the partitions of rows that waited long, leave out rows of days that are over or far away."""
    today = clock.now().date()
    kept, oldest = [], today - timedelta(days=settings.AUDIT_RETENTION_DAYS)
    for row in batch:
        if oldest <= day_of_row(row) <= today + timedelta(days=1):
            kept.append(row)
        else:
            REFUSED.inc()
            log.error("request_log_row_outside_retention", row=row)
    ensure_partitions(sorted({day_of_row(row) for row in kept}))
    return store(kept) if kept else 0
