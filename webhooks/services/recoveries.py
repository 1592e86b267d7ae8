"""Recovery on request: a durable job that sends an endpoint the events it missed."""

from __future__ import annotations

from datetime import datetime, timedelta

from core import clock
from core.background import jobs
from core.errors import FieldError, FieldErrors
from core.events import RELAY_TASK, publish
from core.postgres.failures import refusing
from core.principal import Principal
from core.security.reach import require_reach
from webhooks.catalogue import matching_types
from webhooks.events import RecoveryStarted
from webhooks.models import Endpoint, RecoveryJob
from webhooks.recovery import count_candidates, relay_position
from webhooks.services.errors import EndpointIsDisabled, RecoveryRunning

_RUNNING = "webhooks_recoveryjob_running"
REACHES_BACK = timedelta(days=30)


def start_recovery(
    *, endpoint: Endpoint, actor: Principal, kind: str, since: datetime, until: datetime | None = None
) -> RecoveryJob:
    """Start a job for the period [since, until). It survives crashes and reports its progress.

    A key needs the read scope of everything the endpoint subscribes to. Raises FieldErrors for a period that is empty,
    in the future or too old, EndpointIsDisabled, RecoveryRunning, insufficient_scope.
    """
    now = clock.now()
    until = min(until or now, now)
    problems = []
    if since < now - REACHES_BACK:
        problems.append(FieldError("since", "too_early", f"At most {REACHES_BACK.days} days back."))
    if since >= until:
        problems.append(FieldError("since", "invalid", "Must be before `until`, and in the past."))
    if problems:
        raise FieldErrors(problems)
    require_reach(actor, matching_types(endpoint.events))
    if not endpoint.enabled:
        raise EndpointIsDisabled(f"{endpoint.public_id} is disabled.")
    with refusing(_RUNNING, lambda: RecoveryRunning(f"{endpoint.public_id} is already being recovered.")):
        job: RecoveryJob = RecoveryJob.objects.create(
            endpoint=endpoint,
            kind=kind,
            since=since,
            until=until,
            began_at_position=relay_position(),
        )
    job.refresh_from_db(fields=["began_at_sequence"])
    job.total = count_candidates(job, endpoint)
    job.save(update_fields=["total"])
    publish(
        RecoveryStarted(
            object_id=endpoint.public_id,
            detail={"kind": kind, "since": clock.rfc3339(since), "until": clock.rfc3339(until)},
        ),
        actor=actor,
    )
    jobs.enqueue(RELAY_TASK)
    return job
