"""Turns outbox events into deliveries: which endpoint gets which event is decided once, in one transaction.

The relay reads committed events and assigns each its position, which defines the order for all readers (docs/architecture.md,
Events). An event that commits late is relayed late and gets a later position; nothing waits for open transactions. A relay that
is killed leaves nothing half done, and the next run starts over.

Several relays share the work by company: a company's events are relayed under a per-company lock, so that their positions
increase in commit order regardless of which relay takes them.
"""

from __future__ import annotations

import random
import uuid
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from django.conf import settings
from django.db import connection, transaction

from core import clock, tracing
from core.background import set_aside
from core.models import OutboxEvent
from core.postgres.failures import is_conflict
from core.tenancy import require_tenant, system_context
from core.values import ids
from webhooks import representations
from webhooks.catalogue import matches

BATCH = 500
BATCH_NAME = "webhooks.relay"
MAX_BODY_BYTES = 65_536
# One run considers at most this many companies, in random order so that each gets its turn.
COMPANIES = 200
# At most this many companies with long queues share a batch; the rest are left to other relays or the next run.
SHARES = 5
_LOCKS = 0x706F6D72  # the advisory lock class of the companies (an arbitrary constant)
_COUNTER_LOCK = 0x706F6D_7265_6C61

# A loose index scan: one step per company with events to relay, regardless of queue lengths.
_COMPANIES = """
    WITH RECURSIVE waiting AS (
        (SELECT company_id FROM core_outboxevent WHERE relayed_at IS NULL ORDER BY company_id LIMIT 1)
        UNION ALL
        SELECT (
            SELECT e.company_id FROM core_outboxevent e
            WHERE e.relayed_at IS NULL AND e.company_id > waiting.company_id ORDER BY e.company_id LIMIT 1
        )
        FROM waiting WHERE waiting.company_id IS NOT NULL
    )
    SELECT company_id, (
        SELECT count(*) FROM (
            SELECT FROM core_outboxevent e
            WHERE e.relayed_at IS NULL AND e.company_id = waiting.company_id LIMIT %s
        ) counted
    )
    FROM waiting WHERE company_id IS NOT NULL LIMIT %s
"""
_LOCK = """
    SELECT company_id FROM unnest(%s::uuid[]) AS company_id
    WHERE pg_try_advisory_xact_lock(%s, hashtext(company_id::text))
"""
# Positions are assigned in the order of the sequence, after those assigned by a subscription (number_committed_events). The
# last column detects a counter that was set back (_take).
_TAKE = """
    SELECT taken.id, taken.company_id, taken.mode, taken.type, taken.object_id, taken.data, taken.api_version, taken.created,
        taken.traceparent, coalesce(taken.position, nextval('core_event_position')),
        CASE WHEN taken.position IS NULL THEN (
            SELECT max(position) FROM core_outboxevent g WHERE (g.company_id, g.mode) = (taken.company_id, taken.mode)
        ) END
    FROM (
        SELECT e.*
        FROM unnest(%s::uuid[]) AS mine (company_id)
        CROSS JOIN LATERAL (
            SELECT * FROM core_outboxevent o
            WHERE o.relayed_at IS NULL AND o.company_id = mine.company_id
            ORDER BY o.position, o.sequence LIMIT %s
        ) e
        ORDER BY e.position, e.sequence
        LIMIT %s
    ) taken
"""
_NUMBER = """
    UPDATE core_outboxevent e SET position = numbered.position
    FROM (
        SELECT id, nextval('core_event_position') AS position
        FROM (
            SELECT id FROM core_outboxevent
            WHERE company_id = %s AND mode = %s AND public AND relayed_at IS NULL AND position IS NULL
            ORDER BY sequence
        ) unnumbered
    ) numbered
    WHERE e.id = numbered.id
"""
_CATCH_UP = """
    SELECT setval('core_event_position', given.last)
    FROM (SELECT max(position) AS last FROM core_outboxevent) given, core_event_position counter
    WHERE counter.last_value < given.last
"""
# FOR SHARE waits for concurrent edits, so that no event is relayed by an outdated subscription.
_SUBSCRIPTIONS = """
    SELECT id, company_id, mode, events, subscribed_from
    FROM webhooks_endpoint
    WHERE enabled AND deleted_at IS NULL AND company_id = ANY(%s)
    ORDER BY id
    FOR SHARE
"""
# One round trip: marks the taken events as relayed and returns whether any others are waiting.
_FINISH = """
    WITH done AS (
        UPDATE core_outboxevent e SET relayed_at = %(now)s, position = taken.position
        FROM unnest(%(taken)s::uuid[], %(positions)s::bigint[]) AS taken (id, position)
        WHERE e.id = taken.id
    )
    SELECT EXISTS (SELECT 1 FROM core_outboxevent WHERE relayed_at IS NULL AND NOT id = ANY(%(taken)s))
"""
_INSERT_BODIES = """
    INSERT INTO webhooks_eventbody (id, company_id, mode, created, event_id, body, traceparent)
    SELECT gen.id, gen.company, gen.mode, %s, gen.event, gen.body, gen.traceparent
    FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::uuid[], %s::bytea[], %s::text[])
        AS gen(id, company, mode, event, body, traceparent)
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
    """The result of one run. `waiting`: events remain that did not fit, or that another relay is processing."""

    events: int
    deliveries: int
    waiting: bool


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """The fields of an outbox event that a delivery needs."""

    id: uuid.UUID
    company_id: uuid.UUID
    mode: str
    type: str
    object_id: str
    data: dict[str, Any]
    api_version: str
    created: datetime
    traceparent: str | None = None

    @classmethod
    def of(cls, event: OutboxEvent) -> OutboxRow:
        """Convert an event for a delivery on request, which does not belong to a trace."""
        return cls(
            event.id, event.company_id, event.mode, event.type, event.object_id, event.data,
            event.api_version, event.created,
        )  # fmt: skip


def relay_events(limit: int = BATCH) -> RelayResult:
    """Assign positions to up to `limit` events and create their deliveries, in one transaction."""
    with system_context(reason="webhook relay"), connection.cursor() as cursor:
        companies, found = _lock_companies(cursor, limit)
        # A separate statement after locking, so that it sees everything earlier relays have committed.
        taken = _take(cursor, companies, limit) if companies else []
        if not taken:
            return RelayResult(0, 0, waiting=found)
        subscriptions = _read_subscriptions(cursor, {row[1] for row in taken})
        events: list[OutboxRow] = []
        pairs: list[tuple[OutboxRow, uuid.UUID]] = []
        for *row, traceparent, position, _ in taken:
            id_, company_id, mode, type_, object_id, data, api_version, created = row
            try:
                event = OutboxRow(
                    id_, company_id, mode, type_, object_id, _parse(data), api_version, created, traceparent
                )
                receivers = [
                    endpoint_id
                    for endpoint_id, patterns, subscribed_from in subscriptions[(company_id, mode)]
                    if subscribed_from < position and matches(patterns, type_)
                ]
            except Exception as error:  # it keeps its position, but is not delivered
                set_aside.record_failure(BATCH_NAME, ids.encode("evt", id_), error, row_id=id_)
                continue
            if receivers:
                events.append(event)
                pairs.extend((event, endpoint_id) for endpoint_id in receivers)
        insert_deliveries(cursor, events, pairs)
        done: dict[str, Any] = {
            "now": clock.now(),
            "taken": [row[0] for row in taken],
            "positions": [row[-2] for row in taken],
        }
        cursor.execute(_FINISH, done)
        return RelayResult(len(taken), len(pairs), waiting=cursor.fetchone()[0])


def relay_after_restore(*, accept_loss: bool = False) -> str:
    """Relay everything after a restore. Return a summary of what was relayed and what is due."""
    count = 0
    while (done := relay_events()).events:
        count += done.events
    with system_context(reason="webhook relay"), connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM webhooks_delivery WHERE due_at <= now()")
        due = cursor.fetchone()[0]
    return f"{count} events relayed; {due} deliveries are due and go out when the workers run"


def number_committed_events() -> None:
    """Assign positions to the current tenant's committed events, so that a new subscription starts after them.

    Waits for a relay that is processing the company's events, and blocks relays until the transaction ends. The caller
    must not hold a lock on an endpoint's row yet, because the relay waits for those.
    """
    tenant = require_tenant()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [_LOCKS, str(tenant.company_id)])
        cursor.execute(_NUMBER, [tenant.company_id, tenant.mode])


def _lock_companies(cursor: Any, limit: int) -> tuple[list[uuid.UUID], bool]:
    """Lock companies with enough events for a batch. Return them, and whether any company has events at all.

    Companies locked by another relay are skipped.
    """
    cursor.execute(_COMPANIES, [_share(limit, SHARES), COMPANIES])
    found = cursor.fetchall()
    left = random.sample(found, len(found))
    locked: list[uuid.UUID] = []
    room = limit
    while left and room > 0:
        wanted: dict[uuid.UUID, int] = {}
        while left and sum(wanted.values()) < room:
            company_id, count = left.pop()
            wanted[company_id] = count
        cursor.execute(_LOCK, [list(wanted), _LOCKS])
        mine = [company_id for (company_id,) in cursor.fetchall()]
        room -= sum(wanted[company_id] for company_id in mine)
        locked += mine
    return locked, bool(found)


def _take(cursor: Any, companies: list[uuid.UUID], limit: int) -> list[Any]:
    arguments = [companies, _share(limit, min(len(companies), SHARES)), limit]
    cursor.execute(_TAKE, arguments)
    taken: list[Any] = cursor.fetchall()
    if any(given is not None and position <= given for *_, position, given in taken):
        # Already in use: the counter was set back, for example by an upgrade that copies tables but not sequences.
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_COUNTER_LOCK])
        cursor.execute(_CATCH_UP)
        cursor.execute(_TAKE, arguments)
        taken = cursor.fetchall()
    return taken


def _share(whole: int, parts: int) -> int:
    return -(-whole // parts)


def insert_deliveries(
    cursor: Any, events: Iterable[OutboxRow], pairs: Iterable[tuple[OutboxRow, uuid.UUID]]
) -> None:
    """Store the bodies of `events` and a delivery for each pair of event and endpoint, unless they already exist.

    An event that cannot be rendered or stored is set aside and not delivered.
    """
    rendered: list[tuple[OutboxRow, bytes]] = []
    for event in events:
        try:
            rendered.append((event, render_body(event)))
        except Exception as error:
            set_aside.record_failure(BATCH_NAME, ids.encode("evt", event.id), error, row_id=event.id)
    receivers: dict[uuid.UUID, list[uuid.UUID]] = defaultdict(list)
    for event, endpoint in pairs:
        receivers[event.id].append(endpoint)
    _insert_or_halve(cursor, rendered, receivers)


def _insert_or_halve(
    cursor: Any, rendered: list[tuple[OutboxRow, bytes]], receivers: dict[uuid.UUID, list[uuid.UUID]]
) -> None:
    if not rendered:
        return
    try:
        with transaction.atomic():
            _insert(cursor, rendered, receivers)
    except Exception as error:
        if set_aside.concerns_all(error) or is_conflict(error):
            raise
        if len(rendered) == 1:
            event = rendered[0][0]
            set_aside.record_failure(BATCH_NAME, ids.encode("evt", event.id), error, row_id=event.id)
            return
        middle = len(rendered) // 2
        _insert_or_halve(cursor, rendered[:middle], receivers)
        _insert_or_halve(cursor, rendered[middle:], receivers)


def _insert(
    cursor: Any, rendered: list[tuple[OutboxRow, bytes]], receivers: dict[uuid.UUID, list[uuid.UUID]]
) -> None:
    now = clock.now()
    bodies = [(ids.new_id(), e.company_id, e.mode, e.id, body, _trace(e)) for e, body in rendered]
    cursor.execute(_INSERT_BODIES, [now, *map(list, zip(*bodies, strict=True))])
    rows = [
        (ids.new_id(), e.company_id, e.mode, endpoint, e.id, e.type)
        for e, _ in rendered
        for endpoint in receivers[e.id]
    ]
    if rows:
        cursor.execute(_INSERT_DELIVERIES, [now, now, *map(list, zip(*rows, strict=True))])


def render_body(event: OutboxRow) -> bytes:
    """Return the body to send: the event as returned by `GET /v1/events/{id}`.

    Above 64 KiB, the object is replaced by its id and the event's URL in the API.
    """
    body = orjson.dumps(representations.event(event))
    if len(body) <= MAX_BODY_BYTES:
        return body
    link = f"{settings.PUBLIC_URL}/v1/events/{ids.encode('evt', event.id)}"
    return orjson.dumps(representations.thin_event(event, event.object_id, link))


def _trace(event: OutboxRow) -> str | None:
    """Return the trace context for the event's deliveries: a child of a span of the relay."""
    if event.traceparent is None or not tracing.is_on():
        return event.traceparent
    attributes = {"messaging.message.id": ids.encode("evt", event.id), "pomelo.event_type": event.type}
    with tracing.span("webhooks.relay", kind="producer", parent=event.traceparent, attributes=attributes):
        return tracing.current_traceparent()


def _read_subscriptions(
    cursor: Any, companies: set[uuid.UUID]
) -> dict[tuple[uuid.UUID, str], list[tuple[uuid.UUID, list[str], int]]]:
    cursor.execute(_SUBSCRIPTIONS, [list(companies)])
    found: dict[tuple[uuid.UUID, str], list[tuple[uuid.UUID, list[str], int]]] = defaultdict(list)
    for endpoint_id, company_id, mode, patterns, subscribed_from in cursor.fetchall():
        found[(company_id, mode)].append((endpoint_id, patterns, subscribed_from))
    return found


def _parse(data: Any) -> dict[str, Any]:
    return orjson.loads(data) if isinstance(data, str) else data  # raw cursors return jsonb as text
