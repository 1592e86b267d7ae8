"""Runs recovery jobs in small transactions, each of which advances the cursor together with its work.

An interrupted job continues where it stopped. It never floods a receiver: while more than a few hundred deliveries are
pending for the endpoint, the job pauses. It does not finish until every event that existed when it started has been relayed:
those relayed while the endpoint is enabled are delivered normally, and the job finds the rest.
"""

from __future__ import annotations

from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet

from core import clock
from core.models import OutboxEvent
from core.tenancy import system_context
from core.values import ids
from webhooks.catalogue import matching_types
from webhooks.models import Delivery, Endpoint, RecoveryJob
from webhooks.relay import OutboxRow, insert_deliveries

CHUNK = 200
MAX_WAITING = 400
PROGRESS = ["examined", "queued", "cursor", "position", "checked_at"]
RECOVERABLE = (Delivery.Status.EXHAUSTED, Delivery.Status.CANCELED)


def advance_recoveries() -> bool:
    """Advance one running job by a chunk. Return whether any running job could be advanced again immediately."""
    with system_context(reason="webhook recovery"):
        job = (
            RecoveryJob.objects.select_for_update(skip_locked=True, of=("self",))
            .select_related("endpoint")
            .filter(status=RecoveryJob.Status.RUNNING, endpoint__enabled=True)
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
        else:
            # Checked before reading the rows, so that they include everything relayed by now.
            relay_is_past = not _in_front(job, endpoint).filter(relayed_at=None).exists()
            moved = _resend(job) if job.kind == RecoveryJob.Kind.RECOVER else _replay(job, endpoint)
            if moved < CHUNK and relay_is_past:
                job.examined += _in_front(job, endpoint).count()
                _finish(job, RecoveryJob.Status.DONE)
            elif moved == 0:
                return False  # waiting for the relay
        return True


def count_candidates(job: RecoveryJob, endpoint: Endpoint) -> int:
    """Return how many deliveries or events the job will process, including events that are not relayed yet."""
    if job.kind == RecoveryJob.Kind.RECOVER:
        behind = _failed(job).count()
    else:
        behind = _missing(job, endpoint).filter(position__lte=job.began_at_position).count()
    return behind + _in_front(job, endpoint).count()


def relay_position() -> int:
    """Return the position of the current tenant's most recently relayed event; 0 if there is none."""
    taken = OutboxEvent.objects.filter(relayed_at__isnull=False, position__isnull=False)
    return taken.order_by("-position").values_list("position", flat=True).first() or 0


def _failed(job: RecoveryJob) -> QuerySet[Delivery]:
    rows: QuerySet[Delivery] = Delivery.objects.filter(
        company_id=job.company_id,
        mode=job.mode,
        endpoint_id=job.endpoint_id,
        id__gt=job.cursor or ids.first_id(job.since, shift_seconds=-1),
        created__gte=job.since,
        created__lt=job.until,
        status__in=RECOVERABLE,
    )
    return rows


def _of_period(job: RecoveryJob, endpoint: Endpoint) -> QuerySet[OutboxEvent]:
    rows: QuerySet[OutboxEvent] = OutboxEvent.objects.filter(
        company_id=job.company_id,
        mode=job.mode,
        public=True,
        type__in=matching_types(endpoint.events),
        id__gt=ids.first_id(job.since, shift_seconds=-1),
        created__gte=job.since,
        created__lt=job.until,
    )
    return rows


def _delivered(endpoint: Endpoint) -> Exists:
    return Exists(
        Delivery.objects.filter(
            company_id=OuterRef("company_id"), mode=OuterRef("mode"), event=OuterRef("id"), endpoint=endpoint
        )
    )


def _missing(job: RecoveryJob, endpoint: Endpoint) -> QuerySet[OutboxEvent]:
    return _of_period(job, endpoint).filter(
        ~_delivered(endpoint), relayed_at__isnull=False, position__gt=job.position
    )


def _in_front(job: RecoveryJob, endpoint: Endpoint) -> QuerySet[OutboxEvent]:
    """Events that existed but were not relayed when the job started."""
    return _of_period(job, endpoint).filter(
        Q(position=None) | Q(position__gt=job.began_at_position), sequence__lte=job.began_at_sequence
    )


def _resend(job: RecoveryJob) -> int:
    chunk = list(_failed(job).order_by("id").values_list("id", flat=True)[:CHUNK])
    job.queued += Delivery.objects.filter(id__in=chunk, status__in=RECOVERABLE).update(
        status=Delivery.Status.PENDING, due_at=clock.now(), failures=0, manual=True, finished_at=None
    )
    if chunk:
        job.cursor = chunk[-1]
    job.examined += len(chunk)
    job.save(update_fields=PROGRESS)
    return len(chunk)


def _replay(job: RecoveryJob, endpoint: Endpoint) -> int:
    found = list(_missing(job, endpoint).order_by("position")[:CHUNK])
    events = [OutboxRow.of(event) for event in found]
    with connection.cursor() as cursor:
        insert_deliveries(cursor, events, [(event, endpoint.id) for event in events])
    job.queued += len(events)
    if found:
        assert found[-1].position is not None
        job.position = found[-1].position
    # Events that were not relayed at the start are counted together at the end.
    job.examined += sum(
        e.sequence > job.began_at_sequence or (e.position or 0) <= job.began_at_position for e in found
    )
    job.save(update_fields=PROGRESS)
    return len(events)


def _finish(job: RecoveryJob, status: str) -> None:
    job.status = status
    job.finished_at = clock.now()
    job.save(update_fields=["examined", "checked_at", "status", "finished_at"])
