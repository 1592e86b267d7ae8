"""Records the results of provider calls in groups, one transaction per tenant, without losing any to a restart of PostgreSQL."""

import time
import uuid
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta

import structlog
from django.db import InterfaceError, OperationalError, connection
from prometheus_client import Counter

from core import clock
from core.background import set_aside
from core.principal import Principal
from core.tenancy import Tenant, tenant_context
from messaging.models import HELD, Message, Status
from messaging.retry import CLOCK
from messaging.services import reputation
from messaging.services.claiming import ClaimedMessage, hold
from messaging.services.outcomes import OURSELVES, RETRIES_EXHAUSTED, RecipientUpdate, record_updates

DEFERRED = "deferred"
BATCH_NAME = "messaging.send_due"
# PostgreSQL may restart while results are pending: they are kept and retried this long, rather than sending messages again.
RECORD_PAUSES = (0.2, 1.0, 3.0, 10.0)

log = structlog.get_logger(__name__)
STALE = Counter("pomelo_messages_stale_total", "Results that came after another worker had taken the message")

ACTOR = Principal.system("messaging.sender")


@dataclass(slots=True)
class Progress:
    """The progress of one job; `updates` is what has not been recorded yet."""

    job: ClaimedMessage
    parts_left: int
    updates: list[RecipientUpdate] = field(default_factory=list)
    deferred: dict[uuid.UUID, RecipientUpdate] = field(default_factory=dict)


def record(states: Iterable[Progress]) -> None:
    """Record the updates of all jobs, one transaction per tenant."""
    by_tenant: dict[Tenant, list[Progress]] = defaultdict(list)
    for state in states:
        if state.updates or not state.parts_left:
            by_tenant[state.job.tenant].append(state)
    for tenant, group in by_tenant.items():
        _record_in(tenant, group)
        for state in group:
            state.updates = []


def _record_in(tenant: Tenant, group: list[Progress]) -> None:
    """Record a group. A job that cannot be recorded is found by bisection, and does not block the others."""
    try:
        _record_patiently(tenant, group)
    except Exception as error:
        if set_aside.concerns_all(error):
            raise
        if len(group) == 1:
            _record_poisoned(tenant, group[0], error)
            return
        middle = len(group) // 2
        _record_in(tenant, group[:middle])
        _record_in(tenant, group[middle:])


def _record_patiently(tenant: Tenant, group: list[Progress]) -> None:
    for pause in (*RECORD_PAUSES, None):
        try:
            with tenant_context(tenant):
                _record_group(group)
        except (OperationalError, InterfaceError) as error:
            if pause is None:
                raise
            # Recording twice is harmless: a known status cannot follow itself.
            log.warning("messaging.record_again", error=str(error), pause_seconds=pause)
            connection.close()
            time.sleep(pause)
        else:
            return


def _record_poisoned(tenant: Tenant, state: Progress, error: Exception) -> None:
    """Record only the outcomes of a job whose details cannot be stored: its calls were made, so it must not be sent again."""
    message = state.job.message
    set_aside.record_failure(BATCH_NAME, message.public_id, error, row_id=message.id)
    state.updates = [
        RecipientUpdate(
            item.recipient_id, item.kind, OURSELVES, code="unreadable_answer", attempt=item.attempt
        )
        for item in state.updates
    ]
    try:
        _record_patiently(tenant, [state])
    except Exception as again:
        if set_aside.concerns_all(again):
            raise
        set_aside.record_failure(BATCH_NAME, message.public_id, again, row_id=message.id)
        with tenant_context(tenant):
            Message.objects.filter(id=message.id, attempt=message.attempt).update(
                status=Status.FAILED, due_at=None, updated=clock.now()
            )


def _record_group(group: list[Progress]) -> None:
    held = {job.message.id for job in hold([state.job for state in group])}
    current = [state for state in group if state.job.message.id in held]
    for state in group:
        if state.job.message.id not in held:
            STALE.inc()
            log.warning("messaging.stale_result", message=state.job.message.public_id)
    if not current:
        return
    updates = []
    for state in current:
        updates += state.updates
        if not state.parts_left:
            updates += _reschedule(state)
    record_updates(
        messages={state.job.message.id: state.job.message for state in current},
        recipients={row.id: row for state in current for row in state.job.recipients},
        updates=updates,
        actor=ACTOR,
    )


def _reschedule(state: Progress) -> list[RecipientUpdate]:
    """Schedule the next attempt of a message with waiting recipients; fail them after the last attempt.

    Has no effect on a message whose recipients all have a final status, which `record_updates` settles.
    """
    message = state.job.message
    final = {item.recipient_id for item in state.updates if item.kind != DEFERRED}
    left = [row for row in state.job.waiting if row.id not in final]
    if not left or message.due_at is None:
        return []
    delay = None
    if state.deferred:
        message.deferrals += 1
        delay = CLOCK.wait_after(message.deferrals)
    # Without a delay: calls that were not begun in time are simply due, and what was tried often enough is given up.
    message.due_at = clock.now() + (delay or timedelta())
    if reputation.is_paused(channel=message.channel):
        message.due_at = HELD
    if delay is not None:
        return []
    return [
        RecipientUpdate(
            row.id,
            Status.FAILED,
            OURSELVES,
            code=RETRIES_EXHAUSTED,
            detail=state.deferred[row.id].detail,
            attempt=message.attempt,
        )
        for row in left
        if row.id in state.deferred
    ]
