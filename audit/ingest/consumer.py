"""Reads a stream of batches and acknowledges them after the commit. Any number of consumers may run, and each may be killed."""

import os
import socket
import time
from abc import ABC, abstractmethod
from collections.abc import Callable

import structlog
from django.db import InterfaceError, OperationalError

from audit.ingest import spill
from audit.ingest.stream import Stream, StreamEntry
from core.valkey.commands import CommandRefused, ValkeyUnavailable

log = structlog.get_logger("pomelo.audit")


class Consumer(ABC):
    """One consumer of a stream, which takes `take` batches at once. `suffix` is what the files of its batches end in."""

    stream: Stream
    suffix: str
    take: int

    def __init__(self, name: str | None = None) -> None:
        self.name = name or f"{socket.gethostname()}-{os.getpid()}"
        self._has_group = False

    @abstractmethod
    def write(self, deliveries: list[StreamEntry]) -> int:
        """Store the rows of `deliveries`, acknowledge them, and return how many were new. Raises django.db.Error."""

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
