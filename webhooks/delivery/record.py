"""Records the outcomes of a batch of attempts, in the transaction that claims the next batch."""

from __future__ import annotations

import random
import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from operator import itemgetter
from typing import Any

import orjson
from django.db import connection, transaction

from core.values import ids
from webhooks import retry
from webhooks.delivery.metrics import count_attempts
from webhooks.delivery.outcome import AttemptOutcome, Verdict, classify, excerpt, shown_headers
from webhooks.models import LATENCY

# A healthy endpoint's last success is written at most this often, to avoid a hot row.
SUCCESS_NOTED_EVERY = timedelta(minutes=1)

# Every statement takes its rows as one JSON array, which is encoded and decoded in C on both sides.
# Fencing: a result counts only if its claim is still the latest.
_FINISH = """
UPDATE webhooks_delivery d
SET status = r.status,
    due_at = CASE WHEN r.delay IS NULL THEN NULL ELSE clock_timestamp() + make_interval(secs => r.delay) END,
    failures = d.failures + r.failed,
    last_status_code = r.status_code,
    finished_at = CASE WHEN r.delay IS NULL THEN clock_timestamp() END
FROM json_to_recordset(%s) AS r(id uuid, number int, status text, delay float8, failed int, status_code int)
WHERE d.id = r.id AND d.attempts = r.number AND d.status = 'sending'
RETURNING d.id
"""
_KEEP = """
INSERT INTO webhooks_attempt
    (id, company_id, mode, created, delivery_id, number, trigger, url, status_code, duration_ms, error,
     response_headers, response_body, next_attempt_at)
SELECT * FROM json_to_recordset(%s) AS r(
    id uuid, company_id uuid, mode text, created timestamptz, delivery_id uuid, number int, trigger text, url text,
    status_code int, duration_ms int, error text, response_headers jsonb, response_body text,
    next_attempt_at timestamptz)
ON CONFLICT DO NOTHING
RETURNING delivery_id, number
"""
# Always in the same order, so that two workers with results for the same endpoints cannot deadlock.
_COUNT = """
INSERT INTO webhooks_endpointhour AS h (id, company_id, mode, created, endpoint_id, hour, succeeded, failed, latency)
SELECT r.id, r.company_id, r.mode, r.hour, r.endpoint_id, r.hour, r.succeeded, r.failed, r.latency
FROM json_to_recordset(%s) AS r(
    id uuid, company_id uuid, mode text, endpoint_id uuid, hour timestamptz, succeeded int, failed int, latency int[])
ORDER BY r.endpoint_id, r.hour
ON CONFLICT (company_id, mode, endpoint_id, hour) DO UPDATE SET
    succeeded = h.succeeded + excluded.succeeded,
    failed = h.failed + excluded.failed,
    latency = (SELECT array_agg(a + b ORDER BY n)
               FROM unnest(h.latency, excluded.latency) WITH ORDINALITY AS u(a, b, n))
"""
_SUCCESS = """
WITH noted AS (
    SELECT e.id, r.at
    FROM json_to_recordset(%s) AS r(id uuid, at timestamptz)
    JOIN webhooks_endpoint e ON e.id = r.id
    WHERE e.failing_since IS NOT NULL OR e.last_success_at IS NULL
        OR e.last_success_at < r.at - make_interval(secs => %s)
    ORDER BY e.id
    FOR NO KEY UPDATE OF e
)
UPDATE webhooks_endpoint e SET failing_since = NULL, last_success_at = noted.at FROM noted WHERE e.id = noted.id
"""
_FAILURE = """
UPDATE webhooks_endpoint SET failing_since = coalesce(failing_since, %s)
WHERE id = %s AND enabled AND deleted_at IS NULL
RETURNING failing_since, last_success_at
"""


@dataclass(frozen=True, slots=True)
class EndpointToDisable:
    """An endpoint that a batch found gone or dead, and that the caller should disable."""

    endpoint_id: uuid.UUID
    company_id: uuid.UUID
    mode: str
    reason: str


def record(outcomes: Sequence[AttemptOutcome]) -> list[EndpointToDisable]:
    """Store attempts, delivery states, endpoint health and hourly counts. Return the endpoints to disable.

    Must be called inside `system_context`. Safe to repeat if its transaction failed. A result whose claim has been
    superseded is stored as an attempt, but does not change the delivery.
    """
    if not outcomes:
        return []
    verdicts = [classify(outcome, jitter=random.random()) for outcome in outcomes]  # noqa: S311
    with connection.cursor() as cursor:
        finished = _finish(cursor, outcomes, verdicts)
        kept = _record_attempts(cursor, outcomes, verdicts)
        fresh = [o for o in outcomes if (o.job.delivery_id, o.job.number) in kept]
        late = sum(o.job.delivery_id not in finished for o in fresh)
        if fresh:
            _count(cursor, fresh)
        transaction.on_commit(partial(count_attempts, fresh, late))
        return _note_health(cursor, outcomes, verdicts)


def _finish(cursor: Any, outcomes: Sequence[AttemptOutcome], verdicts: Sequence[Verdict]) -> set[uuid.UUID]:
    rows = [
        {
            "id": o.job.delivery_id,
            "number": o.job.number,
            "status": v.status,
            "delay": v.delay.total_seconds() if v.delay is not None else None,
            "failed": 0 if o.succeeded else 1,
            "status_code": o.status_code,
        }
        for o, v in zip(outcomes, verdicts, strict=True)
    ]
    rows.sort(key=itemgetter("id"))
    cursor.execute(_FINISH, [_json(rows)])
    return {row[0] for row in cursor.fetchall()}


def _record_attempts(
    cursor: Any, outcomes: Sequence[AttemptOutcome], verdicts: Sequence[Verdict]
) -> set[tuple[uuid.UUID, int]]:
    rows = [
        {
            "id": ids.new_id(),
            "company_id": o.job.company_id,
            "mode": o.job.mode,
            "created": o.finished_at,
            "delivery_id": o.job.delivery_id,
            "number": o.job.number,
            "trigger": "manual" if o.job.manual else "scheduled",
            "url": o.job.destination.url,
            "status_code": o.status_code,
            "duration_ms": o.duration_ms,
            "error": o.error,
            "response_headers": shown_headers(o.headers),
            "response_body": excerpt(o.body),
            "next_attempt_at": o.finished_at + v.delay if v.delay is not None else None,
        }
        for o, v in zip(outcomes, verdicts, strict=True)
    ]
    cursor.execute(_KEEP, [_json(rows)])
    return set(cursor.fetchall())


def _count(cursor: Any, outcomes: Sequence[AttemptOutcome]) -> None:
    counts: dict[tuple[uuid.UUID, uuid.UUID, str, datetime], list[AttemptOutcome]] = defaultdict(list)
    for o in outcomes:
        hour = o.finished_at.replace(minute=0, second=0, microsecond=0)
        counts[(o.job.endpoint_id, o.job.company_id, o.job.mode, hour)].append(o)
    rows = []
    for (endpoint_id, company_id, mode, hour), group in counts.items():
        good = sum(o.succeeded for o in group)
        latency = LATENCY.empty()
        for o in group:
            latency[LATENCY.bucket_of(o.duration_ms)] += 1
        rows.append(
            {
                "id": ids.new_id(),
                "company_id": company_id,
                "mode": mode,
                "endpoint_id": endpoint_id,
                "hour": hour,
                "succeeded": good,
                "failed": len(group) - good,
                "latency": latency,
            }
        )
    cursor.execute(_COUNT, [_json(rows)])


def _json(rows: list[dict[str, Any]]) -> str:
    return orjson.dumps(rows).decode()


def _note_health(
    cursor: Any, outcomes: Sequence[AttemptOutcome], verdicts: Sequence[Verdict]
) -> list[EndpointToDisable]:
    groups: dict[uuid.UUID, list[tuple[AttemptOutcome, Verdict]]] = defaultdict(list)
    for o, v in zip(outcomes, verdicts, strict=True):
        groups[o.job.endpoint_id].append((o, v))
    dead = []
    noted = []
    for endpoint_id, group in sorted(groups.items()):
        job = group[0][0].job
        if any(v.endpoint_gone for _, v in group):
            dead.append(EndpointToDisable(endpoint_id, job.company_id, job.mode, "gone"))
            continue
        good = [o.finished_at for o, _ in group if o.succeeded]
        bad = [o.finished_at for o, _ in group if not o.succeeded]
        if good:
            noted.append({"id": endpoint_id, "at": max(good)})
        elif bad:
            cursor.execute(_FAILURE, [min(bad), endpoint_id])
            found = cursor.fetchone()
            if found and retry.should_disable(failing_since=found[0], last_success_at=found[1], now=max(bad)):
                dead.append(EndpointToDisable(endpoint_id, job.company_id, job.mode, "failing"))
    if noted:
        cursor.execute(_SUCCESS, [_json(noted), SUCCESS_NOTED_EVERY.total_seconds()])
    return dead
