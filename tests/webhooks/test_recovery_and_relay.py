"""Recovery while the relay is behind: pending events are counted, and waited for."""

from datetime import timedelta
from typing import Any

import pytest

from core import clock
from core.tenancy import tenant_context
from tests.factories import SYSTEM, World, make_customer
from tests.webhooks.receiver import Receiver
from tests.webhooks.steps import deliveries_of, drain, fresh, make_endpoint, relay_all
from webhooks import retention
from webhooks.models import RecoveryJob
from webhooks.recovery import advance_recoveries
from webhooks.services.endpoints import update_endpoint
from webhooks.services.recoveries import start_recovery


def start(endpoint: Any, kind: Any) -> Any:
    with tenant_context(endpoint.tenant):
        return start_recovery(
            endpoint=endpoint, actor=SYSTEM, kind=kind, since=clock.now() - timedelta(minutes=5)
        )


def state(job: Any) -> Any:
    with tenant_context(job.tenant):
        job = RecoveryJob.objects.get(id=job.id)
    return job.status, job.total, job.examined, job.queued


def advance_all() -> None:
    while advance_recoveries():
        pass


def switch(endpoint: Any, enabled: Any) -> None:
    with tenant_context(endpoint.tenant):
        update_endpoint(endpoint=fresh(endpoint), actor=SYSTEM, enabled=enabled)


@pytest.mark.parametrize("kind", ["recover", "replay_missing"])
def test_job_waits_until_the_relay_has_processed_earlier_events(
    world: World, receiver: Receiver, kind: str
) -> None:
    # given an endpoint, and two events that the relay has not taken yet
    endpoint, _ = make_endpoint(world.tenant(), receiver.url, events=["customer.*"])
    for _ in range(2):
        make_customer(world.tenant())
    # when
    job = start(endpoint, kind)
    advance_all()
    before = state(job)
    make_customer(world.tenant())  # happens later, and is none of the job's
    relay_all()
    advance_all()
    # then the relay has sent them by itself, and the job has nothing to send
    assert before == ("running", 2, 0, 0)
    assert state(job) == ("done", 2, 2, 0)
    assert len(deliveries_of(endpoint)) == 3


def test_events_relayed_while_the_endpoint_is_disabled_can_be_replayed(
    world: World, receiver: Receiver
) -> None:
    endpoint, _ = make_endpoint(world.tenant(), receiver.url, events=["customer.*"])
    for _ in range(2):
        make_customer(world.tenant())
    job = start(endpoint, "replay_missing")
    switch(endpoint, False)
    relay_all()
    assert deliveries_of(endpoint) == []
    switch(endpoint, True)

    advance_all()

    assert state(job) == ("done", 2, 2, 2)
    drain()
    assert len(receiver.received) == 2


def test_completed_recovery_is_deleted_after_a_month_and_a_running_one_kept(
    world: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    done_one, running_one = (make_endpoint(world.tenant(), receiver.url)[0] for _ in range(2))
    drain()
    done = start(done_one, "recover")
    advance_all()
    assert state(done)[0] == "done"
    running = start(running_one, "recover")
    retention.prune()
    assert state(done)[0] == "done"
    month = clock.now() + timedelta(days=31)
    monkeypatch.setattr(retention.clock, "now", lambda: month)

    retention.prune()

    monkeypatch.undo()
    with tenant_context(world.tenant()):
        assert list(RecoveryJob.objects.values_list("id", flat=True)) == [running.id]
