"""The web process's part of the request log: an append on the hot path, and a thread that ships batches to Valkey.

What can be lost: nothing when the process ends by SIGTERM (what Valkey does not take then goes into a file, see
audit.ingest.spill); with SIGKILL what was appended in the last FLUSH_SECONDS and is being sent (below 200 ms together).
While Valkey is away batches wait here, up to MAX_WAITING_BYTES (about 180,000 requests); beyond that new ones are
dropped, counted in a metric and said in the log.
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
# Appended and not yet encoded: reached only if the thread gets no CPU for many seconds.
MAX_APPENDED = 100_000
# At exit: how long Valkey may take to come back before what was kept in a file is left to the next start.
LAST_CHANCE_SECONDS = 5.0

log = structlog.get_logger("pomelo.audit")
DROPPED = Counter("pomelo_request_log_dropped_total", "Requests that could not be logged")


class Buffer:
    """Requests on their way to Valkey. `append` is called by many threads, everything else by one."""

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
        """Add a request; never blocks and never raises."""
        if len(self._appended) >= MAX_APPENDED:
            self._drop(1)
            return
        self._appended.append(row)
        self._loop.wake()

    def waiting(self) -> int:
        """Return how many requests are here and not yet in Valkey."""
        return len(self._appended) + sum(count for _, count in self._batches)

    def flush(self) -> bool:
        """Send what is here; False when Valkey is away or its stream is full, and it is kept."""
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
        """Send what is here; return when to try again if Valkey does not take it."""
        if not self.flush():
            return RETRY_SECONDS
        if not self._spill_is_drained:
            self._spill_is_drained = self._try_drain_spill()
        return None if self._spill_is_drained else RETRY_SECONDS

    def close(self) -> None:
        """Send what is here before the process ends. What Valkey does not take is kept in a file for the next start."""
        deadline = time.monotonic() + LAST_CHANCE_SECONDS
        while not (self._try_flush() or self._keep()):
            if time.monotonic() >= deadline:
                self._drop(self.waiting())
                break
            time.sleep(RETRY_SECONDS)
        # Where the folder dies with the container, the file is worth nothing: use the time there is.
        while not self._try_drain_spill() and time.monotonic() < deadline:
            time.sleep(RETRY_SECONDS)
        self._say_drops()

    def _keep(self) -> bool:
        """Put every waiting batch into a file; False when that fails too, and they are still here."""
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
        """Send what ended processes kept; False when it must be tried again."""
        try:
            return spill.drain(stream.add)
        except (ValkeyUnavailable, OSError) as error:
            log.warning("request_log_kept_file_waits", error=str(error))
            return False

    def _try_flush(self) -> bool:
        try:
            return self.flush()
        except Exception as error:  # the thread must outlive a row it cannot encode
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
    """Return what `record` kept of a request as a row of plain values (audit.ingest.rows.CONTENT)."""
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
    """Take note of a finished request (`settings.API_REQUEST_LOG`): picks what is kept, and appends it."""
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


# A forked worker has its parent's rows but not its thread; the parent ships them.
os.register_at_fork(after_in_child=_forget_parent)
