"""Prometheus metrics of webhooks. Never labelled by company, key or endpoint."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Iterator, Sequence

from django.db import connection
from django.db.models import Min
from prometheus_client import Counter, Gauge

from core import clock
from core.background.watch import Reading
from core.models import OutboxEvent
from core.tenancy import system_context
from webhooks.delivery.claim import LANES
from webhooks.delivery.outcome import AttemptOutcome

ATTEMPTS = Counter("pomelo_webhook_attempts_total", "Finished delivery attempts", ["outcome"])
SECONDS = Counter("pomelo_webhook_attempt_seconds_total", "Time spent waiting for receivers", ["outcome"])
LATE = Counter(
    "pomelo_webhook_late_results_total", "Results that came after the lease of their try had run out"
)
DUE_AGE = Gauge(
    "pomelo_webhook_due_age_seconds",
    "How long the oldest due delivery has been waiting, by whether its endpoint is failing",
    ["endpoint"],
    multiprocess_mode="mostrecent",
)
EVENT_AGE = Gauge(
    "pomelo_webhook_event_age_seconds",
    "How long the oldest event has been waiting for its deliveries to be made",
    multiprocess_mode="mostrecent",
)

# Events are normally relayed within a second; after this long, no worker is relaying.
EVENT_LIMIT_SECONDS = 60.0

# One index step per endpoint with unfinished deliveries, regardless of backlogs.
# Follows LANES.
_AGES = """
SELECT
    coalesce(extract(epoch FROM max(statement_timestamp() - w.due_at) FILTER (WHERE e.failing_since IS NULL)), 0),
    coalesce(extract(epoch FROM max(statement_timestamp() - w.due_at) FILTER (WHERE e.failing_since IS NOT NULL)), 0),
    (SELECT coalesce(extract(epoch FROM statement_timestamp() - min(created)), 0)
     FROM core_outboxevent WHERE relayed_at IS NULL)
FROM lanes
JOIN webhooks_endpoint e ON e.id = lanes.endpoint_id
JOIN accounts_company c ON c.id = e.company_id
CROSS JOIN LATERAL (
    SELECT due_at FROM webhooks_delivery
    WHERE endpoint_id = e.id AND due_at <= statement_timestamp() ORDER BY due_at LIMIT 1
) w
WHERE e.enabled AND e.deleted_at IS NULL AND c.suspended_at IS NULL
"""


def count_attempts(outcomes: Sequence[AttemptOutcome], late: int) -> None:
    """Count recorded attempts: `succeeded`, `refused` (a non-2xx status), or the kind of error without a response."""
    tally = Tally(_label(outcome) for outcome in outcomes)
    for label, count in tally.items():
        ATTEMPTS.labels(outcome=label).inc(count)
        SECONDS.labels(outcome=label).inc(
            sum(each.duration_ms for each in outcomes if _label(each) == label) / 1000
        )
    if late:
        LATE.inc(late)


def measure_backlog() -> None:
    """Set the gauges: how long the oldest delivery and the oldest event have been waiting."""
    with system_context(reason="webhook backlog"), connection.cursor() as cursor:
        cursor.execute(LANES + _AGES)
        healthy, failing, event = cursor.fetchone()
    DUE_AGE.labels(endpoint="healthy").set(float(healthy))
    DUE_AGE.labels(endpoint="failing").set(float(failing))
    EVENT_AGE.set(float(event))


def read_oldest_event() -> Iterator[Reading]:
    """Yield how long the oldest unrelayed event has been waiting."""
    with system_context(reason="oldest unrelayed event"):
        oldest = OutboxEvent.objects.filter(relayed_at=None).aggregate(oldest=Min("created"))["oldest"]
    waited = (clock.now() - oldest).total_seconds() if oldest else 0.0
    yield Reading(
        "unrelayed_event", "Oldest event that is not relayed", max(waited, 0.0), EVENT_LIMIT_SECONDS
    )


def _label(outcome: AttemptOutcome) -> str:
    if outcome.succeeded:
        return "succeeded"
    return "refused" if outcome.status_code is not None else outcome.error
