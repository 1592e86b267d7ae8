"""From the outbox to deliveries: who gets which event, decided once, in one transaction.

Events are taken in the order of their transactions, and only from those that can no longer be overtaken: a slow commit
may carry an older id (DESIGN §9). Whoever is killed on the way leaves nothing half done, and the next run does it all.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from django.conf import settings
from django.db import connection

from core import clock, ids
from core.tenancy import system_context
from webhooks.catalogue import matches

BATCH = 500
MAX_BODY_BYTES = 65_536
_LOCK = 0x706F6D_7265_6C61  # one relay at a time; any fixed number will do

_TAKE = """
    SELECT id, company_id, mode, type, object_id, data, created, transaction_id::text::bigint
    FROM core_outboxevent
    WHERE relayed_at IS NULL AND transaction_id < pg_snapshot_xmin(pg_current_snapshot())
    ORDER BY transaction_id, id
    LIMIT %s
"""
# FOR SHARE: an edit under way is waited for, so that no event goes by a subscription that has just changed.
_SUBSCRIPTIONS = """
    SELECT id, company_id, mode, events, subscribed_from::text::bigint
    FROM webhooks_endpoint
    WHERE enabled AND deleted_at IS NULL AND company_id = ANY(%s)
    ORDER BY id
    FOR SHARE
"""
# One message: what was taken is done, and whether anything else waits, be it for a transaction that is still open.
_FINISH = """
    WITH done AS (UPDATE core_outboxevent SET relayed_at = %(now)s WHERE id = ANY(%(taken)s))
    SELECT EXISTS (SELECT 1 FROM core_outboxevent WHERE relayed_at IS NULL AND NOT id = ANY(%(taken)s))
"""
_INSERT_BODIES = """
    INSERT INTO webhooks_eventbody (id, company_id, mode, created, event_id, body)
    SELECT gen.id, gen.company, gen.mode, %s, gen.event, gen.body
    FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::uuid[], %s::bytea[]) AS gen(id, company, mode, event, body)
    ON CONFLICT DO NOTHING
"""
_INSERT_DELIVERIES = """
    INSERT INTO webhooks_delivery
        (id, company_id, mode, created, endpoint_id, event_id, event_type, status, due_at, attempts, failures, manual)
    SELECT gen.id, gen.company, gen.mode, %s, gen.endpoint, gen.event, gen.type, 'pending', %s, 0, 0, false
    FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::uuid[], %s::uuid[], %s::text[])
        AS gen(id, company, mode, endpoint, event, type)
    ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class RelayResult:
    """What one run did. `waiting`: events remain that are not yet safe to take, or did not fit."""

    events: int
    deliveries: int
    waiting: bool


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """An event of the outbox, as far as a delivery needs it."""

    id: uuid.UUID
    company_id: uuid.UUID
    mode: str
    type: str
    object_id: str
    data: dict[str, Any]
    created: datetime


def relay_events(limit: int = BATCH) -> RelayResult:
    """Make the deliveries of the next `limit` events, in one transaction."""
    with system_context(reason="webhook relay"), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        cursor.execute(_TAKE, [limit])
        taken = cursor.fetchall()
        if not taken:
            cursor.execute("SELECT EXISTS (SELECT 1 FROM core_outboxevent WHERE relayed_at IS NULL)")
            return RelayResult(0, 0, waiting=cursor.fetchone()[0])
        subscriptions = _read_subscriptions(cursor, {row[1] for row in taken})
        events: list[OutboxRow] = []
        pairs: list[tuple[OutboxRow, uuid.UUID]] = []
        for id_, company_id, mode, type_, object_id, data, created, transaction_id in taken:
            event = OutboxRow(id_, company_id, mode, type_, object_id, _parse(data), created)
            receivers = [
                endpoint_id
                for endpoint_id, patterns, subscribed_from in subscriptions[(company_id, mode)]
                if subscribed_from < transaction_id and matches(patterns, type_)
            ]
            if receivers:
                events.append(event)
                pairs.extend((event, endpoint_id) for endpoint_id in receivers)
        insert_deliveries(cursor, events, pairs)
        cursor.execute(_FINISH, {"now": clock.now(), "taken": [row[0] for row in taken]})
        return RelayResult(len(taken), len(pairs), waiting=cursor.fetchone()[0])


def insert_deliveries(
    cursor: Any, events: Iterable[OutboxRow], pairs: Iterable[tuple[OutboxRow, uuid.UUID]]
) -> None:
    """Store the bodies of `events` and a delivery for each pair of event and endpoint, unless they are there already."""
    now = clock.now()
    bodies = [(ids.new_id(), e.company_id, e.mode, e.id, render_body(e)) for e in events]
    if bodies:
        cursor.execute(_INSERT_BODIES, [now, *map(list, zip(*bodies, strict=True))])
    rows = [(ids.new_id(), e.company_id, e.mode, endpoint, e.id, e.type) for e, endpoint in pairs]
    if rows:
        cursor.execute(_INSERT_DELIVERIES, [now, now, *map(list, zip(*rows, strict=True))])


def render_body(event: OutboxRow) -> bytes:
    """Return the bytes that are sent: `{type, timestamp, data}`, where data is the event's object.

    Above 64 KiB the object is replaced by where to get it: its id and the event's address in the API.
    """
    head = {"type": event.type, "timestamp": clock.rfc3339(event.created)}
    body = orjson.dumps({**head, "data": event.data.get("object", {})})
    if len(body) <= MAX_BODY_BYTES:
        return body
    link = f"{settings.PUBLIC_URL}/v1/events/{ids.encode('evt', event.id)}"
    return orjson.dumps({**head, "data": {"id": event.object_id, "thin": True, "url": link}})


def _read_subscriptions(
    cursor: Any, companies: set[uuid.UUID]
) -> dict[tuple[uuid.UUID, str], list[tuple[uuid.UUID, list[str], int]]]:
    cursor.execute(_SUBSCRIPTIONS, [list(companies)])
    found: dict[tuple[uuid.UUID, str], list[tuple[uuid.UUID, list[str], int]]] = defaultdict(list)
    for endpoint_id, company_id, mode, patterns, subscribed_from in cursor.fetchall():
        found[(company_id, mode)].append((endpoint_id, patterns, subscribed_from))
    return found


def _parse(data: Any) -> dict[str, Any]:
    return orjson.loads(data) if isinstance(data, str) else data  # raw cursors give jsonb as text
