"""Claims due deliveries for this process: fair between companies, limited per endpoint, independent of backlogs.

A claim is one short transaction under locks on the endpoint shards it reads, so workers claim concurrently and the limits per
endpoint are still exact. It finds endpoints with due deliveries by a loose index scan, so a backlog of a hundred thousand for one
endpoint costs one step, and it round-robins between companies. A claimed delivery has a lease: once it has expired, another
process may claim the delivery with a higher number, and the result of the first is discarded.
"""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson
from django.db import connection

from core.background import set_aside
from core.security import crypto
from core.values import ids
from webhooks.delivery.limits import Limits
from webhooks.versions import body_in

SHARDS = 8
_LOCKS = 0x706F6D63  # the advisory lock class of the shards (an arbitrary constant)

BATCH = "webhooks.claim"
# Why a delivery cannot be sent: the encryption key of its endpoint's secrets or headers is not configured; its body is missing;
# its body cannot be rendered in the endpoint's API version.
UNREADABLE = "endpoint_unreadable"
NO_BODY = "body_missing"
NOT_IN_VERSION = "version_failed"

_LOCK_FREE = "SELECT shard FROM unnest(%s::int[]) AS shard WHERE pg_try_advisory_xact_lock(%s, shard)"
# A loose index scan: one step per endpoint that has anything unfinished.
LANES = """
WITH RECURSIVE lanes AS (
    (SELECT endpoint_id FROM webhooks_delivery WHERE due_at IS NOT NULL ORDER BY endpoint_id LIMIT 1)
    UNION ALL
    SELECT (
        SELECT d.endpoint_id FROM webhooks_delivery d
        WHERE d.due_at IS NOT NULL AND d.endpoint_id > lanes.endpoint_id ORDER BY d.endpoint_id LIMIT 1
    )
    FROM lanes WHERE lanes.endpoint_id IS NOT NULL
)
"""
# Follows LANES.
_CHOOSE = """,
open AS (
    SELECT e.id, e.company_id, e.failing_since IS NOT NULL AS failing,
        CASE WHEN e.failing_since IS NULL THEN %(healthy)s ELSE %(failing)s END - (
            SELECT count(*) FROM webhooks_delivery s
            WHERE s.endpoint_id = e.id AND s.status = 'sending' AND s.due_at > statement_timestamp()
        ) AS room
    FROM lanes
    JOIN webhooks_endpoint e ON e.id = lanes.endpoint_id
    JOIN accounts_company c ON c.id = e.company_id
    WHERE e.enabled AND e.deleted_at IS NULL AND c.suspended_at IS NULL
        AND get_byte(uuid_send(e.id), 15) %% %(of)s = ANY(%(shards)s)
),
due AS (
    SELECT d.id, o.company_id, o.failing, d.due_at, d.turn
    FROM open o CROSS JOIN LATERAL (
        SELECT w.id, w.due_at, row_number() OVER (ORDER BY w.due_at) AS turn
        FROM (
            SELECT id, due_at FROM webhooks_delivery
            WHERE endpoint_id = o.id AND due_at <= statement_timestamp()
            ORDER BY due_at LIMIT greatest(o.room, 0)
        ) w
    ) d
),
turns AS (
    SELECT id, due_at, failing,
        row_number() OVER (PARTITION BY failing, company_id ORDER BY turn, due_at) AS turn
    FROM due
),
chosen AS (
    (SELECT id, failing FROM turns WHERE failing ORDER BY turn, due_at LIMIT %(failing_places)s)
    UNION ALL
    (SELECT id, failing FROM turns WHERE NOT failing ORDER BY turn, due_at LIMIT %(places)s)
)
SELECT id, failing FROM chosen
"""
_LEASE = """
WITH leased AS (
    UPDATE webhooks_delivery d
    SET status = 'sending', attempts = d.attempts + 1, due_at = clock_timestamp() + make_interval(secs => %s)
    FROM (SELECT id FROM webhooks_delivery WHERE id = ANY(%s) AND due_at IS NOT NULL FOR UPDATE SKIP LOCKED) free
    WHERE d.id = free.id
    RETURNING d.id, d.company_id, d.mode, d.endpoint_id, d.event_id, d.attempts, d.failures, d.manual
)
SELECT l.id, l.company_id, l.mode, l.endpoint_id, l.event_id, l.attempts, l.failures, l.manual, b.body, b.traceparent
FROM leased l LEFT JOIN webhooks_eventbody b ON (b.company_id, b.mode, b.event_id) = (l.company_id, l.mode, l.event_id)
"""
_ENDPOINTS = """
SELECT e.id, e.url, e.headers, e.api_version, e.failing_since IS NOT NULL, array_agg(s.secret ORDER BY s.id DESC)
FROM webhooks_endpoint e
JOIN webhooks_endpointsecret s ON s.endpoint_id = e.id AND (s.expires IS NULL OR s.expires > clock_timestamp())
WHERE e.id = ANY(%s)
GROUP BY e.id
"""


@dataclass(frozen=True, slots=True)
class Destination:
    """The URL, headers and signing secrets of a delivery; secrets newest first."""

    url: str
    headers: dict[str, str]
    secrets: tuple[str, ...]
    failing: bool
    api_version: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class ClaimedDelivery:
    """One claimed delivery. `number` is its fencing token: only the holder of the latest one may record a result.

    With a `problem` it cannot be sent: the attempt fails without a request, and is recorded like any other.
    """

    delivery_id: uuid.UUID
    company_id: uuid.UUID
    mode: str
    endpoint_id: uuid.UUID
    event_id: uuid.UUID
    number: int
    failures: int
    manual: bool
    destination: Destination
    body: bytes
    problem: str = ""
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """The result of a claim. `passed_over`: slots remained, but another worker held the locks of some shards."""

    jobs: list[ClaimedDelivery]
    passed_over: bool


def claim(places: int, failing_places: int, limits: Limits) -> Claim:
    """Lease up to `places` due deliveries, of which at most `failing_places` go to failing endpoints.

    Must be called inside `system_context`. The leases take effect when it commits.
    """
    if places <= 0:
        return Claim([], passed_over=False)
    with connection.cursor() as cursor:
        chosen, passed_over = _choose(cursor, places, max(failing_places, 0), limits)
        if not chosen:
            return Claim([], passed_over)
        cursor.execute(_LEASE, [limits.lease, chosen])
        leased = cursor.fetchall()
        destinations = _read_destinations(cursor, {row[3] for row in leased})
    return Claim([_job(row, destinations[row[3]]) for row in leased], passed_over)


def _job(row: tuple[Any, ...], destination: Destination) -> ClaimedDelivery:
    id_, company_id, mode, endpoint_id, event_id, number, failures, manual, stored, traceparent = row
    body, problem = b"", destination.problem or ("" if stored is not None else NO_BODY)
    if not problem:
        try:
            body = body_in(destination.api_version, bytes(stored))
        except Exception as error:  # an API version that fails on this object
            set_aside.record_failure(BATCH, ids.encode("dlv", id_), error, row_id=id_)
            problem = NOT_IN_VERSION
    return ClaimedDelivery(
        delivery_id=id_,
        company_id=company_id,
        mode=mode,
        endpoint_id=endpoint_id,
        event_id=event_id,
        number=number,
        failures=failures,
        manual=manual,
        destination=destination,
        body=body,
        problem=problem,
        traceparent=traceparent,
    )


def _choose(cursor: Any, places: int, failing_places: int, limits: Limits) -> tuple[list[uuid.UUID], bool]:
    """Return the deliveries to claim, from shards locked until the transaction ends, and whether some shards were passed over.

    Starts with half of the shards and leaves the rest to other workers, unless the first half does not fill the slots.
    """
    chosen: list[uuid.UUID] = []
    passed_over = False
    order = random.sample(range(SHARDS), SHARDS)
    for candidates in (order[: SHARDS // 2], order[SHARDS // 2 :]):
        cursor.execute(_LOCK_FREE, [candidates, _LOCKS])
        shards = [shard for (shard,) in cursor.fetchall()]
        passed_over = passed_over or len(shards) < len(candidates)
        if not shards:
            continue
        # A separate statement after locking, so that it sees the claims of the previous lock holders.
        cursor.execute(
            LANES + _CHOOSE,
            {
                "healthy": limits.per_endpoint,
                "failing": limits.per_failing_endpoint,
                "places": places,
                "failing_places": min(failing_places, places),
                "of": SHARDS,
                "shards": shards,
            },
        )
        found = cursor.fetchall()[:places]
        chosen += [id_ for id_, _ in found]
        places -= len(found)
        failing_places -= sum(failing for _, failing in found)
        if places <= 0:
            return chosen, False
    return chosen, passed_over


def _read_destinations(cursor: Any, endpoints: set[uuid.UUID]) -> dict[uuid.UUID, Destination]:
    """Return the destinations. For an unreadable endpoint only the problem is set, so that it does not stop the others."""
    cursor.execute(_ENDPOINTS, [list(endpoints)])
    found = {row[0]: row for row in cursor.fetchall()}
    return {endpoint_id: _read_destination(endpoint_id, found.get(endpoint_id)) for endpoint_id in endpoints}


def _read_destination(endpoint_id: uuid.UUID, row: tuple[Any, ...] | None) -> Destination:
    if row is None:
        set_aside.record_failure(BATCH, ids.encode("we", endpoint_id), "It has no secret that is valid now.")
        return Destination("", {}, (), failing=True, problem=UNREADABLE)
    _, url, headers, api_version, failing, secrets = row
    try:
        return Destination(
            url=url,
            headers=orjson.loads(_decrypt(bytes(headers))),
            secrets=tuple(_decrypt(bytes(secret)).decode() for secret in secrets),
            failing=failing,
            api_version=api_version,
        )
    except Exception as error:  # a key that is no longer configured, or corrupt data
        set_aside.record_failure(BATCH, ids.encode("we", endpoint_id), error, row_id=endpoint_id)
        return Destination(url, {}, (), failing=failing, problem=UNREADABLE)


@lru_cache(maxsize=4096)
def _decrypt(token: bytes) -> bytes:
    return crypto.decrypt(token)
