"""Writes down what became of a batch of tries, in the transaction that claims the next one."""

from __future__ import annotations

import random
import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from django.db import connection

from core import ids
from webhooks import retry
from webhooks.delivery.outcome import Outcome, Verdict, excerpt, judge, shown_headers
from webhooks.models import LATENCY_BOUNDS_MS

# A healthy endpoint's last success is written no more often than this: it is a hot row otherwise.
SUCCESS_NOTED_EVERY = timedelta(minutes=1)

# Fencing: a result counts only if its claim is still the latest one.
_FINISH = """
UPDATE webhooks_delivery d
SET status = r.status,
    due_at = CASE WHEN r.delay IS NULL THEN NULL ELSE clock_timestamp() + make_interval(secs => r.delay) END,
    failures = d.failures + r.failed,
    last_status_code = r.status_code,
    finished_at = CASE WHEN r.delay IS NULL THEN clock_timestamp() END
FROM unnest(%s::uuid[], %s::int[], %s::text[], %s::float8[], %s::int[], %s::int[])
    AS r(id, number, status, delay, failed, status_code)
WHERE d.id = r.id AND d.attempts = r.number AND d.status = 'sending'
RETURNING d.id
"""
_KEEP = """
INSERT INTO webhooks_attempt
    (id, company_id, mode, created, delivery_id, number, trigger, url, status_code, duration_ms, error,
     response_headers, response_body, next_attempt_at)
SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::timestamptz[], %s::uuid[], %s::int[], %s::text[], %s::text[],
    %s::int[], %s::int[], %s::text[], %s::jsonb[], %s::text[], %s::timestamptz[])
ON CONFLICT DO NOTHING
"""
_COUNT = """
INSERT INTO webhooks_endpointhour AS h (id, company_id, mode, created, endpoint_id, hour, succeeded, failed, latency)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (company_id, mode, endpoint_id, hour) DO UPDATE SET
    succeeded = h.succeeded + excluded.succeeded,
    failed = h.failed + excluded.failed,
    latency = (SELECT array_agg(a + b ORDER BY n)
               FROM unnest(h.latency, excluded.latency) WITH ORDINALITY AS u(a, b, n))
"""
_SUCCESS = """
UPDATE webhooks_endpoint SET failing_since = NULL, last_success_at = %s
WHERE id = %s AND (failing_since IS NOT NULL OR last_success_at IS NULL OR last_success_at < %s)
"""
_FAILURE = """
UPDATE webhooks_endpoint SET failing_since = coalesce(failing_since, %s)
WHERE id = %s AND enabled AND deleted_at IS NULL
RETURNING failing_since, last_success_at
"""


@dataclass(frozen=True, slots=True)
class SwitchOff:
    """An endpoint that a batch showed to be gone or dead; switching it off is the caller's next step."""

    endpoint_id: uuid.UUID
    company_id: uuid.UUID
    mode: str
    reason: str


def record(outcomes: Sequence[Outcome]) -> list[SwitchOff]:
    """Store tries, delivery states, endpoint health and hourly counts; return the endpoints to switch off.

    Must be called inside `system_context`. Safe to repeat when its transaction failed. A result whose claim has been
    taken over is kept as a try, but does not touch the delivery.
    """
    if not outcomes:
        return []
    verdicts = [judge(outcome, jitter=random.random()) for outcome in outcomes]  # noqa: S311
    with connection.cursor() as cursor:
        _finish(cursor, outcomes, verdicts)
        _keep_tries(cursor, outcomes, verdicts)
        _count(cursor, outcomes)
        return _note_health(cursor, outcomes, verdicts)


def _finish(cursor: Any, outcomes: Sequence[Outcome], verdicts: Sequence[Verdict]) -> None:
    rows = sorted(
        (
            o.job.delivery_id,
            o.job.number,
            v.status,
            v.delay.total_seconds() if v.delay is not None else None,
            0 if o.succeeded else 1,
            o.status_code,
        )
        for o, v in zip(outcomes, verdicts, strict=True)
    )
    cursor.execute(_FINISH, [list(column) for column in zip(*rows, strict=True)])


def _keep_tries(cursor: Any, outcomes: Sequence[Outcome], verdicts: Sequence[Verdict]) -> None:
    rows = [
        (
            ids.new_id(),
            o.job.company_id,
            o.job.mode,
            o.finished_at,
            o.job.delivery_id,
            o.job.number,
            "manual" if o.job.manual else "scheduled",
            o.job.destination.url,
            o.status_code,
            o.duration_ms,
            o.error,
            orjson.dumps(shown_headers(o.headers)).decode(),
            excerpt(o.body),
            o.finished_at + v.delay if v.delay is not None else None,
        )
        for o, v in zip(outcomes, verdicts, strict=True)
    ]
    cursor.execute(_KEEP, [list(column) for column in zip(*rows, strict=True)])


def _count(cursor: Any, outcomes: Sequence[Outcome]) -> None:
    counts: dict[tuple[uuid.UUID, uuid.UUID, str, datetime], list[Outcome]] = defaultdict(list)
    for o in outcomes:
        hour = o.finished_at.replace(minute=0, second=0, microsecond=0)
        counts[(o.job.endpoint_id, o.job.company_id, o.job.mode, hour)].append(o)
    for (endpoint_id, company_id, mode, hour), group in sorted(counts.items()):
        good = sum(o.succeeded for o in group)
        latency = [0] * (len(LATENCY_BOUNDS_MS) + 1)
        for o in group:
            latency[latency_bucket(o.duration_ms)] += 1
        cursor.execute(
            _COUNT,
            [ids.new_id(), company_id, mode, hour, endpoint_id, hour, good, len(group) - good, latency],
        )


def latency_bucket(duration_ms: int) -> int:
    """Return the index of the histogram's bucket that `duration_ms` belongs to."""
    return sum(duration_ms > bound for bound in LATENCY_BOUNDS_MS)


def _note_health(cursor: Any, outcomes: Sequence[Outcome], verdicts: Sequence[Verdict]) -> list[SwitchOff]:
    groups: dict[uuid.UUID, list[tuple[Outcome, Verdict]]] = defaultdict(list)
    for o, v in zip(outcomes, verdicts, strict=True):
        groups[o.job.endpoint_id].append((o, v))
    dead = []
    for endpoint_id, group in sorted(groups.items()):
        job = group[0][0].job
        if any(v.endpoint_gone for _, v in group):
            dead.append(SwitchOff(endpoint_id, job.company_id, job.mode, "gone"))
            continue
        good = [o.finished_at for o, _ in group if o.succeeded]
        bad = [o.finished_at for o, _ in group if not o.succeeded]
        if good:
            cursor.execute(_SUCCESS, [max(good), endpoint_id, max(good) - SUCCESS_NOTED_EVERY])
        elif bad:
            cursor.execute(_FAILURE, [min(bad), endpoint_id])
            found = cursor.fetchone()
            if found and retry.should_disable(failing_since=found[0], last_success_at=found[1], now=max(bad)):
                dead.append(SwitchOff(endpoint_id, job.company_id, job.mode, "failing"))
    return dead
