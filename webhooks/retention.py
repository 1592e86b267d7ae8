"""Retention of deliveries and events. They are deleted in small steps that do not block other work."""

from __future__ import annotations

from datetime import timedelta

from core import clock
from core.background import pruning
from core.values import ids

KEPT_FOR = timedelta(days=30)
# Attempts first, then the rows they reference. A pending delivery is kept regardless of its age.
_STATEMENTS = {
    "webhooks_attempt": """
    DELETE FROM webhooks_attempt WHERE id IN (
        SELECT a.id FROM webhooks_attempt a JOIN webhooks_delivery d ON d.id = a.delivery_id
        WHERE d.id < %(first)s AND d.due_at IS NULL
        LIMIT %(step)s
    )
    """,
    "webhooks_delivery": """
    DELETE FROM webhooks_delivery WHERE id IN (
        SELECT d.id FROM webhooks_delivery d
        WHERE d.id < %(first)s AND d.due_at IS NULL AND NOT EXISTS (
            SELECT 1 FROM webhooks_attempt a
            WHERE (a.company_id, a.mode, a.delivery_id) = (d.company_id, d.mode, d.id)
        )
        LIMIT %(step)s
    )
    """,
    "webhooks_eventbody": """
    DELETE FROM webhooks_eventbody WHERE id IN (
        SELECT b.id FROM webhooks_eventbody b
        WHERE b.id < %(first)s AND NOT EXISTS (
            SELECT 1 FROM webhooks_delivery d
            WHERE (d.company_id, d.mode, d.event_id) = (b.company_id, b.mode, b.event_id)
        )
        LIMIT %(step)s
    )
    """,
    "core_outboxevent": """
    DELETE FROM core_outboxevent WHERE id IN (
        SELECT e.id FROM core_outboxevent e
        WHERE e.id < %(first)s AND e.relayed_at IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM webhooks_delivery d
            WHERE (d.company_id, d.mode, d.event_id) = (e.company_id, e.mode, e.id)
        ) AND NOT EXISTS (
            SELECT 1 FROM webhooks_eventbody b
            WHERE (b.company_id, b.mode, b.event_id) = (e.company_id, e.mode, e.id)
        )
        LIMIT %(step)s
    )
    """,
    "webhooks_endpointhour": """
    DELETE FROM webhooks_endpointhour WHERE id IN (
        SELECT id FROM webhooks_endpointhour WHERE id < %(first)s LIMIT %(step)s
    )
    """,
    # A job's results are in its deliveries, which are deleted by now. Running jobs are kept.
    "webhooks_recoveryjob": """
    DELETE FROM webhooks_recoveryjob WHERE id IN (
        SELECT id FROM webhooks_recoveryjob WHERE id < %(first)s AND status <> 'running' LIMIT %(step)s
    )
    """,
}


def prune(*, max_steps: int = 200) -> int:
    """Delete rows older than 30 days, at most `max_steps` thousand of each kind. Return how many were deleted."""
    first = ids.first_id(clock.now() - KEPT_FOR, shift_seconds=-1)
    return sum(
        pruning.in_steps(table, statement, {"first": first}, reason="webhook retention", max_steps=max_steps)
        for table, statement in _STATEMENTS.items()
    )
