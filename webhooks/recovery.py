"""Carries recovery jobs forward: small transactions, each of which moves the cursor with its work.

Killed at any point, a job goes on from its cursor. It never floods a receiver: while more than a few hundred
deliveries wait for the endpoint, the job waits too.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime

from django.db import connection
from django.db.models import Exists, OuterRef, QuerySet

from core import clock
from core.fields import OldestRunningTransaction
from core.models import OutboxEvent
from core.tenancy import system_context
from webhooks.catalogue import matching_types
from webhooks.models import Delivery, Endpoint, RecoveryJob
from webhooks.relay import OutboxRow, insert_deliveries

CHUNK = 200
MAX_WAITING = 400
RECOVERABLE = (Delivery.Status.EXHAUSTED, Delivery.Status.CANCELED)


def advance_recoveries() -> bool:
    """Move one running job on by a chunk; return whether any job is running that could be moved on at once."""
    with system_context(reason="webhook recovery"):
        job = (
            RecoveryJob.objects.select_for_update(skip_locked=True, of=("self",))
            .select_related("endpoint")
            .filter(
                status=RecoveryJob.Status.RUNNING,
                endpoint__enabled=True,
                # Events of transactions that were open when the job began may still appear behind its cursor.
                started_in__lt=OldestRunningTransaction(),
            )
            .order_by("checked_at")
            .first()
        )
        if job is None:
            return False
        job.checked_at = clock.now()
        endpoint = job.endpoint
        if endpoint.deleted_at is not None:
            _finish(job, RecoveryJob.Status.CANCELED)
        elif (
            Delivery.objects.filter(endpoint=endpoint, due_at__isnull=False)[:MAX_WAITING].count()
            >= MAX_WAITING
        ):
            job.save(update_fields=["checked_at"])
            return False
        elif job.kind == RecoveryJob.Kind.RECOVER:
            _resend(job)
        else:
            _replay(job, endpoint)
        return True


def count_candidates(job: RecoveryJob, endpoint: Endpoint) -> int:
    """Return how many deliveries or events the job will look at."""
    if job.kind == RecoveryJob.Kind.RECOVER:
        return _failed(job).count()
    return _missing(job, endpoint).count()


def _failed(job: RecoveryJob) -> QuerySet[Delivery]:
    rows: QuerySet[Delivery] = Delivery.objects.filter(
        company_id=job.company_id,
        mode=job.mode,
        endpoint_id=job.endpoint_id,
        id__gt=job.cursor or first_id(job.since),
        created__gte=job.since,
        created__lt=job.until,
        status__in=RECOVERABLE,
    )
    return rows


def _missing(job: RecoveryJob, endpoint: Endpoint) -> QuerySet[OutboxEvent]:
    delivered = Delivery.objects.filter(
        company_id=OuterRef("company_id"), mode=OuterRef("mode"), event=OuterRef("id"), endpoint=endpoint
    )
    rows: QuerySet[OutboxEvent] = OutboxEvent.objects.filter(
        ~Exists(delivered),
        company_id=job.company_id,
        mode=job.mode,
        public=True,
        relayed_at__isnull=False,
        type__in=matching_types(endpoint.events),
        id__gt=job.cursor or first_id(job.since),
        created__gte=job.since,
        created__lt=job.until,
    )
    return rows


def _resend(job: RecoveryJob) -> None:
    chunk = list(_failed(job).order_by("id").values_list("id", flat=True)[:CHUNK])
    queued = Delivery.objects.filter(id__in=chunk, status__in=RECOVERABLE).update(
        status=Delivery.Status.PENDING, due_at=clock.now(), failures=0, manual=True, finished_at=None
    )
    _step(job, chunk, queued)


def _replay(job: RecoveryJob, endpoint: Endpoint) -> None:
    events = [
        OutboxRow(e.id, e.company_id, e.mode, e.type, e.object_id, e.data, e.created)
        for e in _missing(job, endpoint).order_by("id")[:CHUNK]
    ]
    with connection.cursor() as cursor:
        insert_deliveries(cursor, events, [(event, endpoint.id) for event in events])
    _step(job, [event.id for event in events], len(events))


def _step(job: RecoveryJob, chunk: Sequence[uuid.UUID], queued: int) -> None:
    job.examined += len(chunk)
    job.queued += queued
    if chunk:
        job.cursor = chunk[-1]
    if len(chunk) < CHUNK:
        _finish(job, RecoveryJob.Status.DONE)
    else:
        job.save(update_fields=["examined", "queued", "cursor", "checked_at"])


def _finish(job: RecoveryJob, status: str) -> None:
    job.status = status
    job.finished_at = clock.now()
    job.save(update_fields=["examined", "queued", "cursor", "checked_at", "status", "finished_at"])


def first_id(moment: datetime) -> uuid.UUID:
    """Return an id before every UUIDv7 made at `moment` or later, a second of slack included."""
    milliseconds = max(int(moment.timestamp() * 1000) - 1000, 0)
    return uuid.UUID(int=milliseconds << 80)
