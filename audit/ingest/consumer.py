"""Reads a stream of batches and acknowledges them after the commit. Any number of consumers may run, and each may be killed."""

import os
import socket
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import structlog
from django.db import InterfaceError, OperationalError
from prometheus_client import Counter

from audit.ingest import spill
from audit.ingest.stream import Stream, StreamEntry
from core.background import set_aside
from core.postgres.failures import is_conflict
from core.security import sealed
from core.valkey.commands import CommandRefused, ValkeyUnavailable
from core.values import ids

Rows = list[list[Any]]

log = structlog.get_logger("pomelo.audit")


class Consumer(ABC):
    """One consumer of a stream, which takes `take` batches at once and stores at most `max_rows` in one transaction.

    `suffix` is what the files of its batches end in, `batch_name` what its rows that are set aside are listed under.
    """

    stream: Stream
    suffix: str
    take: int
    max_rows: int
    batch_name: str
    written: Counter
    refused: Counter

    def __init__(self, name: str | None = None) -> None:
        self.name = name or f"{socket.gethostname()}-{os.getpid()}"
        self._has_group = False

    @abstractmethod
    def unpack(self, payload: bytes) -> Rows:
        """Return the rows of a batch. Raises InvalidSealedValue, UnknownSchema (core.security.sealed), ValueError."""

    @abstractmethod
    def store(self, batch: Rows) -> int:
        """Write rows in one transaction and return how many were new. Raises django.db.Error, ValueError, TypeError."""

    @abstractmethod
    def not_understood(self, delivery: StreamEntry, reason: str) -> None:
        """Deal with a batch that is not believed (not_ours) or not understood (unknown_schema, unreadable)."""

    def write(self, deliveries: list[StreamEntry]) -> int:
        """Store the rows of `deliveries`, acknowledge them, and return how many were new. Raises django.db.Error."""
        written = self.store_all([row for delivery in deliveries for row in self._rows(delivery)])
        self.written.inc(written)
        self.stream.done(deliveries)
        return written

    def store_all(self, batch: Rows) -> int:
        """Store rows in as many transactions as they need, and return how many were new. Raises django.db.Error."""
        starts = range(0, len(batch), self.max_rows)
        return sum(self.store_by_halves(batch[start : start + self.max_rows]) for start in starts)

    def store_by_halves(self, batch: Rows) -> int:
        """Store a batch. A row that cannot be stored is found by bisection, set aside and skipped."""
        try:
            return self.store(batch)
        except Exception as error:
            # Errors that may resolve leave the batch in the stream; anything else would be redelivered forever.
            if set_aside.concerns_all(error):
                raise
            if (stored := self.store_otherwise(batch, error)) is not None:
                return stored
            if len(batch) == 1:
                self.refuse(batch[0], error)
                return 0
            middle = len(batch) // 2
            return self.store_by_halves(batch[:middle]) + self.store_by_halves(batch[middle:])

    def store_otherwise(self, batch: Rows, error: Exception) -> int | None:
        """Store a batch that failed with `error` in another way, and return how many rows were new; None if there is none.

        Raises `error` if it may resolve.
        """
        if is_conflict(error):
            raise error
        return None

    def refuse(self, row: list[Any], error: BaseException | str) -> None:
        """Set a row aside that cannot be stored."""
        self.refused.inc()
        set_aside.record_failure(self.batch_name, _named(row), error)

    def _rows(self, delivery: StreamEntry) -> Rows:
        """Return the rows of an entry; none of one that we did not write, or do not understand."""
        try:
            return self.unpack(delivery.payload)
        except sealed.InvalidSealedValue:
            reason = "not_ours"
        except sealed.UnknownSchema:
            reason = "unknown_schema"
        except Exception:  # ours but invalid: it must not block the others by being read again and again
            log.exception(
                "request_log_batch_unreadable", stream=self.stream.name, entry=str(delivery.entry_id)
            )
            reason = "unreadable"
        self.not_understood(delivery, reason)
        return []

    def drain(self, *, seconds: float, stop: Callable[[], bool] = lambda: False) -> int:
        """Write pending batches for at most `seconds` or until the stream is empty. Return how many rows were new.

        Returns early if PostgreSQL or Valkey fails. Nothing is lost, because nothing was acknowledged.
        """
        deadline, written = time.monotonic() + seconds, 0

        def is_over() -> bool:
            return stop() or time.monotonic() >= deadline

        try:
            if not self._has_group:
                self.stream.ensure_group()
                self._has_group = True
            self._prepare()
            spill.drain(self.stream.add, suffix=self.suffix)
            # This consumer's unacknowledged batches first, then those of dead ones, then new ones.
            for take in (self.stream.read_own, self.stream.take_over):
                while not is_over() and (deliveries := take(self.name, self.take)):
                    written += self.write(deliveries)
            written += self._write_new(is_over)
        except CommandRefused as error:
            if "NOGROUP" not in error.reply:
                raise
            self._has_group = False  # FLUSHALL: recreated at the next call
        except (ValkeyUnavailable, OSError) as error:
            log.warning("request_log_valkey_unavailable", error=str(error))
        except (OperationalError, InterfaceError) as error:
            log.warning("request_log_postgresql_unavailable", error=str(error))
        return written

    def _prepare(self) -> None:  # noqa: B027 - most have nothing to do
        """Do what comes before reading."""

    def _write_new(self, is_over: Callable[[], bool]) -> int:
        """Write new batches until nothing is pending."""
        written = 0
        while not is_over() and (deliveries := self.stream.read_new(self.name, self.take)):
            written += self.write(deliveries)
        return written


def _named(row: list[Any]) -> str:
    try:
        return ids.encode("req", uuid.UUID(row[0]))
    except (IndexError, TypeError, ValueError, AttributeError):
        return f"row {str(row)[:100]}"
