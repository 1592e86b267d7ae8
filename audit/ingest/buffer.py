"""The web process's side of the request log: an append on the hot path, and a thread that ships batches to Valkey.

Possible loss: none on SIGTERM (batches that Valkey does not accept go into a file, see audit.ingest.spill); on SIGKILL, requests
appended in the last FLUSH_SECONDS or being sent (less than 200 ms in total). While Valkey is down, batches are buffered here, up
to MAX_WAITING_BYTES (about 180,000 requests); beyond that, new requests are dropped, counted in a metric and logged.
"""

import os
import threading
import time
from collections import deque
from typing import Any

import structlog
from prometheus_client import Counter

from audit.ingest import batches, rows, spill, stream
from audit.signing import canonical
from core.background.loops import Loop
from core.valkey.commands import ValkeyUnavailable

FLUSH_SECONDS = 0.05
RETRY_SECONDS = 0.25
BATCH_ROWS = 500
MAX_WAITING_BYTES = 64 * 1024 * 1024
# Appended but not yet encoded; only reached if the thread is starved of CPU for many seconds.
MAX_APPENDED = 100_000
# At exit: how long to wait for Valkey before leaving the spill file to the next start.
LAST_CHANCE_SECONDS = 5.0

log = structlog.get_logger("pomelo.audit")
DROPPED = Counter("pomelo_request_log_dropped_total", "Requests that could not be logged")


class Buffer:
    """Requests waiting to be sent to Valkey. Many threads call `append`, everything else runs in a single thread."""

    def __init__(self) -> None:
        self._appended: deque[tuple[Any, ...]] = deque()
        self._batches: deque[tuple[bytes, int]] = deque()
        self._waiting_bytes = 0
        self._unsaid_drops = 0
        self._spill_is_drained = False
        self._loop = Loop(
            "request-log",
            self._ship,
            rest=FLUSH_SECONDS,
            finish=self.close,
            stop_seconds=2 * LAST_CHANCE_SECONDS,
        )
        self._flush_lock = threading.Lock()

    def append(self, row: tuple[Any, ...]) -> None:
        """Add a request. Never blocks or raises."""
        if len(self._appended) >= MAX_APPENDED:
            self._drop(1)
            return
        self._appended.append(row)
        self._loop.wake()

    def waiting(self) -> int:
        """Return the number of requests not yet in Valkey."""
        return len(self._appended) + sum(count for _, count in self._batches)

    def flush(self) -> bool:
        """Send all buffered requests. False if Valkey is down or its stream is full, in which case they are kept."""
        with self._flush_lock:
            return self._flush()

    def _flush(self) -> bool:
        self._encode()
        while self._batches:
            payload, _ = self._batches[0]
            try:
                if not stream.add(payload):
                    return False
            except ValkeyUnavailable:
                return False
            self._batches.popleft()
            self._waiting_bytes -= len(payload)
        self._say_drops()
        return True

    def _ship(self) -> float | None:
        """Send all buffered requests. Return when to retry if Valkey does not accept them."""
        if not self.flush():
            return RETRY_SECONDS
        if not self._spill_is_drained:
            self._spill_is_drained = self._try_drain_spill()
        return None if self._spill_is_drained else RETRY_SECONDS

    def close(self) -> None:
        """Send all buffered requests before the process ends. Those Valkey does not accept are spilled to a file."""
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
                path = spill.keep(payload for payload, _ in self._batches)
            except OSError as error:
                log.exception("request_log_not_kept", error=str(error))
                return False
            log.warning("request_log_kept", requests=self.waiting(), file=str(path))
            self._batches.clear()
            self._waiting_bytes = 0
        return True

    def _try_drain_spill(self) -> bool:
        """Send the batches spilled by ended processes. False if it must be retried."""
        try:
            return spill.drain(stream.add)
        except (ValkeyUnavailable, OSError) as error:
            log.warning("request_log_kept_file_waits", error=str(error))
            return False

    def _try_flush(self) -> bool:
        try:
            return self.flush()
        except Exception as error:  # the thread must survive a row it cannot encode
            log.exception("request_log_flush_failed", error=str(error))
            return False

    def _encode(self) -> None:
        while self._appended:
            taken = [self._appended.popleft() for _ in range(min(BATCH_ROWS, len(self._appended)))]
            encoded = [found for row in taken if (found := self._encode_row(row)) is not None]
            payload = batches.pack(encoded)
            if self._waiting_bytes + len(payload) > MAX_WAITING_BYTES:
                self._drop(len(encoded))
                continue
            self._batches.append((payload, len(encoded)))
            self._waiting_bytes += len(payload)

    def _encode_row(self, row: tuple[Any, ...]) -> bytes | None:
        try:
            return canonical(encode(row))
        except (TypeError, ValueError, AttributeError):
            log.exception("request_log_row_not_encoded", request_id=row[0])
            self._drop(1)
            return None

    def _drop(self, count: int) -> None:
        DROPPED.inc(count)
        self._unsaid_drops += count

    def _say_drops(self) -> None:
        if self._unsaid_drops:
            log.error("request_log_dropped", requests=self._unsaid_drops, see="docs/audit.md")
            self._unsaid_drops = 0


def encode(row: tuple[Any, ...]) -> list[Any]:
    """Convert a request recorded by `record` into a row of plain values (audit.ingest.rows.CONTENT)."""
    (
        request_id,
        principal,
        method,
        pattern,
        path,
        status,
        milliseconds,
        sent,
        received,
        ip,
        agent,
        refused,
        trace,
        client_request_id,
        traceparent,
    ) = row
    owned = principal is not None and principal.company_id is not None
    return [
        rows.request_hex(request_id),
        principal.company_id.hex if owned else None,
        principal.mode if owned else None,
        rows.key_hex(principal.id) if owned else None,
        rows.plain_text(principal.name, 100) if owned else "",
        (method or "")[:8],
        rows.logged_route(pattern) if pattern else rows.UNKNOWN_ROUTE,
        rows.plain_text(path, 500),
        status,
        min(round(milliseconds * 1000), rows.MAX_INTEGER),
        rows.whole(received),
        rows.whole(sent),
        ip,
        rows.plain_text(agent, 300),
        refused or "",
        rows.plain_trace(trace) if refused and trace else None,
        rows.plain_text(client_request_id, 100) if client_request_id else "",
        rows.plain_traceparent(traceparent) if traceparent else "",
    ]


BUFFER = Buffer()


def record(entry: dict[str, Any]) -> None:
    """Record a finished request (`settings.API_REQUEST_LOG`): select the stored fields and append them."""
    request, response = entry["request"], entry["response"]
    match, meta = request.resolver_match, request.META
    refused = entry["refused_by"]
    BUFFER.append(
        (
            request.request_id,
            getattr(request, "principal", None),
            request.method,
            match.route if match is not None else "",
            request.path_info,
            response.status_code,
            entry["duration_ms"],
            response.headers.get("Content-Length"),
            meta.get("CONTENT_LENGTH"),
            request.client_ip,
            meta.get("HTTP_USER_AGENT", ""),
            refused,
            request.trace if refused else None,
            meta.get("HTTP_X_REQUEST_ID") or meta.get("HTTP_X_CLIENT_REQUEST_ID"),
            meta.get("HTTP_TRACEPARENT"),
        )
    )


def _forget_parent() -> None:
    global BUFFER
    BUFFER = Buffer()


# A forked worker inherits its parent's rows but not its thread; the parent ships them.
os.register_at_fork(after_in_child=_forget_parent)
