"""The database's part of the engine: record what came back, relay what is new, claim what is due."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.tenancy import system_context
from webhooks.delivery.claim import Job, claim
from webhooks.delivery.health import switch_off
from webhooks.delivery.limits import Limits
from webhooks.delivery.outcome import Outcome
from webhooks.delivery.record import record
from webhooks.recovery import advance_recoveries
from webhooks.relay import relay_events


@dataclass(frozen=True, slots=True)
class Step:
    """What one cycle brought: jobs to send, and whether there is reason to look again at once."""

    jobs: list[Job]
    more: bool


def run_cycle(outcomes: Sequence[Outcome], places: int, failing_places: int, limits: Limits) -> Step:
    """Record, relay, recover and claim, each committed before anything is sent. Raises Django's database errors.

    May be repeated with the same outcomes when it failed.
    """
    relayed = relay_events()
    recovering = advance_recoveries()
    with system_context(reason="webhook delivery"):
        dead = record(outcomes)
        jobs = claim(places, failing_places, limits)
    for endpoint in dead:
        switch_off(endpoint)
    return Step(jobs, relayed.waiting or recovering)
