"""A worker is killed during a recovery job; another one resumes it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from billing.events import CustomerCreated
from core import clock
from core.events import publish_all
from core.models import OutboxEvent
from core.tenancy import tenant_context
from core.values.ids import encode
from tests.factories import SYSTEM, World
from tests.forked import forked
from tests.waiting import wait_until
from tests.webhooks.receiver import Receiver
from tests.webhooks.steps import drain, make_endpoint
from tests.webhooks.worker import serve
from webhooks.models import Delivery, Endpoint, RecoveryJob
from webhooks.recovery import CHUNK, MAX_WAITING
from webhooks.services.recoveries import start_recovery

EVENTS = 1000
PATIENCE_SECONDS = 180


def state(endpoint: Endpoint) -> tuple[RecoveryJob, int]:
    """The job, and how many deliveries wait for the endpoint."""
    with tenant_context(endpoint.tenant):
        return (
            RecoveryJob.objects.get(endpoint=endpoint),
            Delivery.objects.filter(endpoint=endpoint, due_at__isnull=False).count(),
        )


@pytest.mark.chaos
@pytest.mark.parametrize("kind", ["recover", "replay_missing"])
def test_recovery_of_a_killed_worker_is_finished_by_another(
    world: World, receiver: Receiver, kind: str
) -> None:
    tenant = world.tenant()
    since = clock.now() - timedelta(minutes=1)
    endpoint = None
    if kind == "recover":
        endpoint, secret = make_endpoint(tenant, receiver.url, events=["customer.*"])
    with tenant_context(tenant):
        publish_all(
            [CustomerCreated(object_id=f"cus_{n}", object={"id": f"cus_{n}"}) for n in range(EVENTS)],
            actor=SYSTEM,
        )
    if endpoint is not None:
        receiver.answer = (400, {"webhook-delivery": "abort"}, b"")
    drain()
    if endpoint is None:
        endpoint, secret = make_endpoint(tenant, receiver.url, events=["customer.*"])
    with tenant_context(tenant):
        assert Delivery.objects.filter(endpoint=endpoint, status="canceled").count() == (
            EVENTS if kind == "recover" else 0
        )
        wanted = {
            encode("evt", each)
            for each in OutboxEvent.objects.filter(type="customer.created").values_list("id", flat=True)
        }
        start_recovery(endpoint=endpoint, actor=SYSTEM, kind=kind, since=since)
    receiver.answer = (200, {}, b"")
    receiver.received.clear()
    receiver.delay = 0.01

    most_waiting = 0
    with forked(serve):
        wait_until(lambda: len(receiver.received) >= EVENTS // 3, seconds=PATIENCE_SECONDS)
    halfway, waiting = state(endpoint)
    receiver.delay = 0.0

    def finished() -> bool:
        nonlocal most_waiting
        job, left = state(endpoint)
        most_waiting = max(most_waiting, left)
        return job.status == RecoveryJob.Status.DONE and left == 0

    with forked(serve):
        wait_until(finished, seconds=PATIENCE_SECONDS)

    job, _ = state(endpoint)
    assert len(wanted) == EVENTS
    assert halfway.status == RecoveryJob.Status.RUNNING
    assert 0 < halfway.examined == halfway.queued < EVENTS
    assert halfway.position > 0 if kind == "replay_missing" else halfway.cursor is not None
    assert max(waiting, most_waiting) < MAX_WAITING + CHUNK  # it never floods the receiver
    assert (job.total, job.examined, job.queued) == (EVENTS, EVENTS, EVENTS)
    assert {got.id for got in receiver.received} == wanted
    receiver.received[-1].verify(secret)
    with tenant_context(tenant):
        assert set(Delivery.objects.filter(endpoint=endpoint).values_list("status", flat=True)) == {
            "succeeded"
        }
