"""The database work of the engine: record results, relay new events, claim due deliveries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from django.db import connection

from core.background import set_aside
from core.tenancy import system_context
from core.values import ids
from webhooks.delivery.claim import ClaimedDelivery, claim
from webhooks.delivery.health import switch_off
from webhooks.delivery.limits import Limits
from webhooks.delivery.outcome import AttemptOutcome
from webhooks.delivery.record import EndpointToDisable, record
from webhooks.recovery import advance_recoveries
from webhooks.relay import relay_events

BATCH = "webhooks.cycle"
RECORDING = "webhooks.record"
Answer = TypeVar("Answer")

_LOOK = """
SELECT EXISTS (SELECT 1 FROM core_outboxevent WHERE relayed_at IS NULL),
    EXISTS (SELECT 1 FROM webhooks_recoveryjob WHERE status = 'running')
"""


@dataclass(frozen=True, slots=True)
class Step:
    """The result of a cycle: jobs to send, and whether to run another cycle immediately."""

    jobs: list[ClaimedDelivery]
    more: bool


def run_cycle(outcomes: Sequence[AttemptOutcome], places: int, failing_places: int, limits: Limits) -> Step:
    """Record, relay, recover and claim, each committed before anything is sent. Raises Django's database errors.

    If it fails, it can be repeated with the same outcomes. An outcome, event or job that cannot be processed is set aside,
    and a failure in one of the four steps does not stop the others.
    """
    try:
        with system_context(reason="webhook delivery"):
            dead = record(outcomes)
            has_events, has_recoveries = _look()
            # After the relay, so that new deliveries are claimed too.
            claimed = None if has_events else claim(places, failing_places, limits)
    except Exception as error:
        if set_aside.concerns_all(error) or not outcomes:
            raise
        dead = _record_or_halve(outcomes)
        with system_context(reason="webhook delivery"):
            (has_events, has_recoveries), claimed = _look(), None
    for endpoint in dead:
        _run_step(f"switch off {ids.encode('we', endpoint.endpoint_id)}", partial(switch_off, endpoint))
    relayed = _run_step("relay", relay_events) if has_events else None
    recovering = bool(_run_step("recover", advance_recoveries)) if has_recoveries else False
    if claimed is None:
        with system_context(reason="webhook delivery"):
            claimed = claim(places, failing_places, limits)
    more = (relayed is not None and relayed.waiting) or recovering or claimed.passed_over
    return Step(claimed.jobs, more)


def _run_step(name: str, work: Callable[[], Answer]) -> Answer | None:
    """Run one step of a cycle. If it fails for its own reasons, set that aside and let the cycle continue."""
    try:
        return work()
    except Exception as error:
        if set_aside.concerns_all(error):
            raise
        set_aside.record_failure(BATCH, name, error)
        return None


def _record_by_bisection(outcomes: Sequence[AttemptOutcome], error: Exception) -> list[EndpointToDisable]:
    """Record outcomes of which at least one cannot be recorded: find it by bisection, and record only its bare result."""
    if len(outcomes) > 1:
        middle = len(outcomes) // 2
        return [*_record_or_halve(outcomes[:middle]), *_record_or_halve(outcomes[middle:])]
    (bad,) = outcomes
    delivery = ids.encode("dlv", bad.job.delivery_id)
    set_aside.record_failure(RECORDING, delivery, error, row_id=bad.job.delivery_id)
    try:
        return _record([replace(bad, headers={}, body=b"")])
    except Exception as again:
        if set_aside.concerns_all(again):
            raise
        # It is claimed again when its lease expires, until its claims are used up.
        set_aside.record_failure(RECORDING, delivery, again, row_id=bad.job.delivery_id)
        return []


def _record_or_halve(outcomes: Sequence[AttemptOutcome]) -> list[EndpointToDisable]:
    try:
        return _record(outcomes)
    except Exception as error:
        if set_aside.concerns_all(error):
            raise
        return _record_by_bisection(outcomes, error)


def _record(outcomes: Sequence[AttemptOutcome]) -> list[EndpointToDisable]:
    with system_context(reason="webhook delivery"):
        return record(outcomes)


def _look() -> tuple[bool, bool]:
    with connection.cursor() as cursor:
        cursor.execute(_LOOK)
        events, recoveries = cursor.fetchone()
    return events, recoveries
