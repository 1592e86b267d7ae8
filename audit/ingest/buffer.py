"""The web process's side of the request log: what is stored of a finished request, and the buffer from which it is shipped.

While Valkey is down, about 180,000 requests are buffered (audit.ingest.shipping).
"""

import os
from typing import Any

from prometheus_client import Counter

from audit.ingest import batches, bodies, rows, spill, stream
from audit.ingest.shipping import Shipper
from audit.signing import canonical

DROPPED = Counter("pomelo_request_log_dropped_total", "Requests that could not be logged")


class Buffer(Shipper):
    """Requests waiting to be sent to Valkey."""

    def __init__(self) -> None:
        super().__init__(
            "request-log",
            stream.REQUESTS,
            suffix=spill.REQUESTS,
            batch_rows=500,
            max_appended=100_000,
            max_waiting_bytes=64 * 1024 * 1024,
            dropped=DROPPED,
        )

    def _encoded(self, row: tuple[Any, ...]) -> bytes:
        return canonical(encode(row))

    def _packed(self, rows: list[bytes]) -> bytes:
        return batches.pack(rows)


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
    """Record a finished request (`settings.API_REQUEST_LOG`): select the stored fields and append them.

    Its bodies too, if the company has them kept.
    """
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

    if getattr(request, "bodies_until", 0.0):
        bodies.record(request, response)


def _forget_parent() -> None:
    global BUFFER
    BUFFER = Buffer()


# A forked worker inherits its parent's rows but not its thread; the parent ships them.
os.register_at_fork(after_in_child=_forget_parent)
