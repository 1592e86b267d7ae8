"""The web process's side of what is logged: an append on the hot path, and a thread that ships batches to Valkey.

Possible loss: none on SIGTERM (batches that Valkey does not accept go into a file, see audit.ingest.spill); on SIGKILL, rows
appended in the last FLUSH_SECONDS or being sent (less than 200 ms in total). While Valkey is down, batches are buffered here, up
to a number of bytes; beyond that, new rows are dropped, counted in a metric and logged.
"""

import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from typing import Any

import structlog
from prometheus_client import Counter

from audit.ingest import spill
from audit.ingest.stream import Stream
from core.background.loops import Loop
from core.valkey.commands import ValkeyUnavailable

FLUSH_SECONDS = 0.05
RETRY_SECONDS = 0.25
# At exit: how long to wait for Valkey before leaving the spill file to the next start.
LAST_CHANCE_SECONDS = 5.0

log = structlog.get_logger("pomelo.audit")


class Shipper(ABC):
    """Rows waiting to be sent to a stream. Many threads call `append`, everything else runs in a single thread.

    `name` is that of its thread, and with `_` for `-` the beginning of what it logs; `suffix` is what its files end in.
    """

    def __init__(
        self,
        name: str,
        stream: Stream,
        *,
        suffix: str,
        batch_rows: int,
        max_appended: int,
        max_waiting_bytes: int,
        dropped: Counter,
    ) -> None:
        self._stream = stream
        self._suffix = suffix
        self._logged_as = name.replace("-", "_")
        self._batch_rows = batch_rows
        # Appended but not yet encoded; only reached if the thread is starved of CPU for many seconds.
        self._max_appended = max_appended
        self._max_waiting_bytes = max_waiting_bytes
        self._dropped = dropped
        self._appended: deque[tuple[Any, ...]] = deque()
        self._batches: deque[tuple[bytes, int]] = deque()
        self._waiting_bytes = 0
        self._unsaid_drops = 0
        self._spill_is_drained = False
        self._loop = Loop(
            name,
            self._ship,
            rest=FLUSH_SECONDS,
            finish=self.close,
            stop_seconds=2 * LAST_CHANCE_SECONDS,
        )
        self._flush_lock = threading.Lock()

    @abstractmethod
    def _encoded(self, row: tuple[Any, ...]) -> bytes:
        """Return the JSON of an appended row. Raises TypeError, ValueError, AttributeError for one that has none."""

    @abstractmethod
    def _packed(self, rows: list[bytes]) -> bytes:
        """Return the sealed batch of `rows`, without a line break."""

    def append(self, row: tuple[Any, ...]) -> bool:
        """Add a row; return whether there was room. Never blocks or raises."""
        if len(self._appended) >= self._max_appended:
            self._drop(1)
            return False
        self._appended.append(row)
        self._loop.wake()
        return True

    def waiting(self) -> int:
        """Return the number of rows not yet in Valkey."""
        return len(self._appended) + sum(count for _, count in self._batches)

    def flush(self) -> bool:
        """Send all buffered rows. False if Valkey is down or its stream is full, in which case they are kept."""
        with self._flush_lock:
            return self._flush()

    def _flush(self) -> bool:
        self._encode()
        while self._batches:
            payload, _ = self._batches[0]
            try:
                if not self._stream.add(payload):
                    return False
            except ValkeyUnavailable:
                return False
            self._batches.popleft()
            self._waiting_bytes -= len(payload)
        self._say_drops()
        return True

    def _ship(self) -> float | None:
        """Send all buffered rows. Return when to retry if Valkey does not accept them."""
        if not self.flush():
            return RETRY_SECONDS
        if not self._spill_is_drained:
            self._spill_is_drained = self._try_drain_spill()
        return None if self._spill_is_drained else RETRY_SECONDS

    def close(self) -> None:
        """Send all buffered rows before the process ends. Those Valkey does not accept are spilled to a file."""
        deadline = time.monotonic() + LAST_CHANCE_SECONDS
        while not (self._try_flush() or self._keep()):
            if time.monotonic() >= deadline:
                self._drop(self.waiting())
                break
            time.sleep(RETRY_SECONDS)
        # If the folder is lost with the container, the file is worthless, so use the remaining time.
        while not self._try_drain_spill() and time.monotonic() < deadline:
            time.sleep(RETRY_SECONDS)
        self._say_drops()

    def _keep(self) -> bool:
        """Write every waiting batch to a file. False if that fails too, in which case they stay buffered."""
        with self._flush_lock:
            self._encode()
            try:
                path = spill.keep((payload for payload, _ in self._batches), suffix=self._suffix)
            except OSError as error:
                log.exception(self._event("not_kept"), error=str(error))
                return False
            log.warning(self._event("kept"), requests=self.waiting(), file=str(path))
            self._batches.clear()
            self._waiting_bytes = 0
        return True

    def _try_drain_spill(self) -> bool:
        """Send the batches spilled by ended processes. False if it must be retried."""
        try:
            return spill.drain(self._stream.add, suffix=self._suffix)
        except (ValkeyUnavailable, OSError) as error:
            log.warning(self._event("kept_file_waits"), error=str(error))
            return False

    def _try_flush(self) -> bool:
        try:
            return self.flush()
        except Exception as error:  # the thread must survive a row it cannot encode
            log.exception(self._event("flush_failed"), error=str(error))
            return False

    def _encode(self) -> None:
        while self._appended:
            taken = [self._appended.popleft() for _ in range(min(self._batch_rows, len(self._appended)))]
            encoded = [found for row in taken if (found := self._encode_row(row)) is not None]
            payload = self._packed(encoded)
            if self._waiting_bytes + len(payload) > self._max_waiting_bytes:
                self._drop(len(encoded))
                continue
            self._batches.append((payload, len(encoded)))
            self._waiting_bytes += len(payload)

    def _encode_row(self, row: tuple[Any, ...]) -> bytes | None:
        try:
            return self._encoded(row)
        except (TypeError, ValueError, AttributeError):
            log.exception(self._event("row_not_encoded"), request_id=row[0])
            self._drop(1)
            return None

    def _event(self, what: str) -> str:
        return f"{self._logged_as}_{what}"

    def _drop(self, count: int) -> None:
        self._dropped.inc(count)
        self._unsaid_drops += count

    def _say_drops(self) -> None:
        if self._unsaid_drops:
            log.error(self._event("dropped"), requests=self._unsaid_drops, see="docs/audit.md")
            self._unsaid_drops = 0
