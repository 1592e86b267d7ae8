"""The database's part of the engine: record what came back, relay what is new, claim what is due."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection

from core.tenancy import system_context
from webhooks.delivery.claim import Job, claim
from webhooks.delivery.health import switch_off
from webhooks.delivery.limits import Limits
from webhooks.delivery.outcome import Outcome
from webhooks.delivery.record import record
from webhooks.recovery import advance_recoveries
from webhooks.relay import relay_events

_LOOK = """
SELECT EXISTS (SELECT 1 FROM core_outboxevent WHERE relayed_at IS NULL),
    EXISTS (SELECT 1 FROM webhooks_recoveryjob WHERE status = 'running')
"""


@dataclass(frozen=True, slots=True)
class Step:
    """What one cycle brought: jobs to send, and whether there is reason to look again at once."""

    jobs: list[Job]
    more: bool


def run_cycle(outcomes: Sequence[Outcome], places: int, failing_places: int, limits: Limits) -> Step:
    """Record, relay, recover and claim, each committed before anything is sent. Raises Django's database errors.

    May be repeated with the same outcomes when it failed.
    """
    with system_context(reason="webhook delivery"):
        dead = record(outcomes)
        has_events, has_recoveries = _look()
        jobs = [] if has_events else claim(places, failing_places, limits)
    for endpoint in dead:
        switch_off(endpoint)
    waiting = relay_events().waiting if has_events else False
    recovering = advance_recoveries() if has_recoveries else False
    if has_events:
        with system_context(reason="webhook delivery"):
            jobs = claim(places, failing_places, limits)
    return Step(jobs, waiting or recovering)


def _look() -> tuple[bool, bool]:
    with connection.cursor() as cursor:
        cursor.execute(_LOOK)
        events, recoveries = cursor.fetchone()
    return events, recoveries
