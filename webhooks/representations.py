"""The public form of webhooks' objects, in API responses and the audit trail (docs/architecture.md, Contracts)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import orjson

from core.clock import rfc3339
from core.security import crypto
from core.values import ids
from webhooks.models import Attempt, Delivery, Endpoint, RecoveryJob

# Shown instead of a custom header's value, which may be a credential of the receiver and is write-only.
HIDDEN = "[hidden]"


def endpoint(row: Endpoint) -> dict[str, Any]:
    """Return the public form of an endpoint; its secret is shown by create and rotate only."""
    return {
        "id": row.public_id,
        "object": "webhook_endpoint",
        "mode": row.mode,
        "url": row.url,
        "description": row.description,
        "events": row.events,
        "api_version": row.api_version,
        "headers": dict.fromkeys(orjson.loads(crypto.decrypt(bytes(row.headers))), HIDDEN),
        "enabled": row.enabled,
        "disabled_reason": row.disabled_reason,
        "created": rfc3339(row.created),
        "updated": rfc3339(row.updated),
    }


class EventRow(Protocol):
    """An event, either loaded by the ORM or read by the relay."""

    @property
    def id(self) -> UUID: ...

    @property
    def mode(self) -> str: ...

    @property
    def type(self) -> str: ...

    @property
    def data(self) -> dict[str, Any]: ...

    @property
    def api_version(self) -> str: ...

    @property
    def created(self) -> datetime: ...


def event(row: EventRow) -> dict[str, Any]:
    """Return the public form of an event: one shape for the API and for what webhooks send.

    `type`, `timestamp` and `data` are those of Standard Webhooks.
    """
    created = rfc3339(row.created)
    return {
        "id": ids.encode("evt", row.id),
        "object": "event",
        "type": row.type,
        "mode": row.mode,
        "api_version": row.api_version,
        "created": created,
        "timestamp": created,
        "data": {"object": {}, **row.data},
    }


def thin_event(row: EventRow, object_id: str, link: str) -> dict[str, Any]:
    """Return the form of an event whose object is too large to send: with the object's id and the URL of the full event."""
    kind = row.data.get("object", {}).get("object", row.type.partition(".")[0])
    return {**event(row), "data": {"object": {"id": object_id, "object": kind}, "thin": True, "url": link}}


def delivery(row: Delivery, attempts: Iterable[Attempt]) -> dict[str, Any]:
    """Return the public form of a delivery with its attempts, oldest first."""
    return {
        "id": row.public_id,
        "object": "delivery",
        "mode": row.mode,
        "endpoint": ids.encode("we", row.endpoint_id),
        "event": ids.encode("evt", row.event_id),
        "event_type": row.event_type,
        "status": row.status,
        "attempts": [attempt(each) for each in attempts],
        "next_attempt_at": rfc3339(row.due_at)
        if row.due_at is not None and row.status != Delivery.Status.SENDING
        else None,
        "created": rfc3339(row.created),
    }


def attempt(row: Attempt) -> dict[str, Any]:
    """Return the public form of an attempt."""
    return {
        "id": row.public_id,
        "object": "delivery_attempt",
        "number": row.number,
        "trigger": row.trigger,
        "url": row.url,
        "status_code": row.status_code,
        "duration_ms": row.duration_ms,
        "error": row.error or None,
        "response_headers": row.response_headers,
        "response_body": row.response_body,
        "created": rfc3339(row.created),
    }


def recovery(row: RecoveryJob) -> dict[str, Any]:
    """Return the public form of a recovery job and how far it is."""
    return {
        "id": row.public_id,
        "object": "webhook_recovery",
        "mode": row.mode,
        "endpoint": ids.encode("we", row.endpoint_id),
        "kind": row.kind,
        "status": row.status,
        "since": rfc3339(row.since),
        "until": rfc3339(row.until),
        "examined": row.examined,
        "queued": row.queued,
        "total": row.total,
        "created": rfc3339(row.created),
        "finished_at": rfc3339(row.finished_at) if row.finished_at else None,
    }
