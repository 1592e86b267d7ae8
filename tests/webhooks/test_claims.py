"""Claiming deliveries: by whom, for how long, and which results are recorded."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from django.db import connection, transaction

from core import clock
from core.postgres.locks import WEBHOOK_LOCKS
from core.tenancy import system_context, tenant_context
from tests.engines import superuser_url
from tests.factories import SYSTEM, World, make_customer, make_world
from tests.locks import locks_seen
from tests.threads import is_blocking_another
from tests.waiting import wait_until
from tests.webhooks.receiver import Receiver
from tests.webhooks.steps import (
    FAST,
    attempts_of,
    deliveries_of,
    drain,
    make_due,
    make_endpoint,
    relay_all,
    set_others_aside,
)
from webhooks.delivery.claim import _LOCKS, SHARDS, claim
from webhooks.delivery.limits import Limits
from webhooks.delivery.outcome import AttemptOutcome
from webhooks.delivery.record import _record_attempts, record
from webhooks.models import Delivery, Endpoint, EndpointHour
from webhooks.services.deliveries import resend_deliveries
from webhooks.services.endpoints import delete_endpoint
from webhooks.services.errors import DeliveryInProgress
from webhooks.services.secrets import rotate_secret


def claim_now(limits: Any = FAST, places: int = 10_000, failing_places: int = 10_000) -> Any:
    with system_context(reason="tests"):
        return claim(places, failing_places, limits).jobs


def record_now(*outcomes: Any) -> Any:
    with system_context(reason="tests"):
        return record(outcomes)


def test_result_after_a_lost_lease_is_not_recorded(world: World, receiver: Receiver) -> None:
    endpoint, _ = make_endpoint(world.tenant(), receiver.url)
    make_customer(world.tenant())
    relay_all()
    [first] = [job for job in claim_now() if job.endpoint_id == endpoint.id]
    assert [job for job in claim_now() if job.endpoint_id == endpoint.id] == []
    make_due(endpoint)  # the lease runs out
    [second] = [job for job in claim_now() if job.endpoint_id == endpoint.id]

    record_now(AttemptOutcome(first, clock.now(), 5, status_code=500))
    [delivery] = deliveries_of(endpoint)
    assert (delivery.status, delivery.attempts, delivery.failures) == ("sending", 2, 0)
    record_now(AttemptOutcome(second, clock.now(), 5, status_code=200))

    [delivery] = deliveries_of(endpoint)
    assert (first.number, second.number, delivery.status) == (1, 2, "succeeded")
    assert [(each.number, each.status_code) for each in attempts_of(delivery)] == [(1, 500), (2, 200)]


def test_recording_the_same_batch_twice_changes_nothing(world: World, receiver: Receiver) -> None:
    endpoint, _ = make_endpoint(world.tenant(), receiver.url)
    make_customer(world.tenant())
    relay_all()
    [job] = [job for job in claim_now() if job.endpoint_id == endpoint.id]
    outcome = AttemptOutcome(job, clock.now(), 5, status_code=500)

    record_now(outcome)
    record_now(outcome)

    [delivery] = deliveries_of(endpoint)
    assert (delivery.status, delivery.failures, len(attempts_of(delivery))) == ("retrying", 1, 1)
    with tenant_context(world.tenant()):
        [hour] = EndpointHour.objects.filter(endpoint=endpoint)
    assert (hour.succeeded, hour.failed, sum(hour.latency)) == (0, 1, 1)


def test_delivery_with_repeatedly_lost_claims_is_abandoned(world: World, receiver: Receiver) -> None:
    endpoint, _ = make_endpoint(world.tenant(), receiver.url)
    make_customer(world.tenant())
    relay_all()
    for _ in range(31):
        make_due(endpoint)
        [job] = [job for job in claim_now() if job.endpoint_id == endpoint.id]
    record_now(AttemptOutcome(job, clock.now(), 5, error="timed_out"))

    assert [each.status for each in deliveries_of(endpoint)] == ["exhausted"]


def test_delivery_in_progress_is_not_resent(world: World, receiver: Receiver) -> None:
    endpoint, _ = make_endpoint(world.tenant(), receiver.url)
    make_customer(world.tenant())
    relay_all()
    claim_now()

    with tenant_context(world.tenant()), pytest.raises(DeliveryInProgress):
        resend_deliveries(deliveries=list(Delivery.objects.filter(endpoint=endpoint)), actor=SYSTEM)


def test_claims_take_turns_between_companies_and_respect_the_limit_of_an_endpoint(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    relay_all()
    set_others_aside()
    busy, quiet = make_world(), make_world()
    for _ in range(3):
        make_endpoint(busy.tenant(), receiver.url)
    loud_endpoint, _ = make_endpoint(busy.tenant(), receiver.url)
    quiet_endpoint, _ = make_endpoint(quiet.tenant(), receiver.url)
    for _ in range(20):
        make_customer(busy.tenant())
    make_customer(quiet.tenant())
    relay_all()
    limits = Limits(per_endpoint=5)
    # A claim looks at half of the shards first, whichever; the quiet endpoint's is among them here.
    shard = shard_of(quiet_endpoint)
    monkeypatch.setattr("random.sample", lambda shards, _: sorted(shards, key=lambda each: each != shard))

    first = claim_now(limits, places=4)
    rest = claim_now(limits, places=1000)

    assert quiet_endpoint.id in {job.endpoint_id for job in first}
    together = [job for job in first + rest if job.endpoint_id == loud_endpoint.id]
    assert len(together) == 5
    for endpoint in (loud_endpoint, quiet_endpoint):
        make_due(endpoint)
    drain()


def test_failing_endpoints_occupy_only_their_share_of_slots(world: World, receiver: Receiver) -> None:
    endpoint, _ = make_endpoint(world.tenant(), receiver.url)
    for _ in range(10):
        make_customer(world.tenant())
    relay_all()
    with tenant_context(world.tenant()):
        Endpoint.objects.filter(id=endpoint.id).update(failing_since=clock.now())

    none = [job for job in claim_now(failing_places=0) if job.endpoint_id == endpoint.id]
    some = [job for job in claim_now(Limits(per_failing_endpoint=4)) if job.endpoint_id == endpoint.id]

    assert (len(none), len(some)) == (0, 4)
    assert all(job.destination.failing for job in some)


def test_endpoints_claimed_by_another_worker_are_skipped(world: World, receiver: Receiver) -> None:
    relay_all()
    set_others_aside()
    endpoints = [make_endpoint(world.tenant(), receiver.url)[0] for _ in range(3)]
    shards = {endpoint.id: endpoint.id.bytes[15] % SHARDS for endpoint in endpoints}
    make_customer(world.tenant())
    relay_all()
    held = shards[endpoints[0].id]

    with psycopg.connect(superuser_url()) as other:
        other.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_LOCKS, held])
        with system_context(reason="tests"):
            # Longer than a busy machine takes to the second claim, which would take over what has expired.
            claimed = claim(10_000, 10_000, replace(FAST, lease=3600.0))
    first = {job.endpoint_id for job in claimed.jobs}
    rest = {job.endpoint_id for job in claim_now()}

    assert first == {id_ for id_, shard in shards.items() if shard != held}
    assert claimed.passed_over  # the pump looks again at once
    assert rest == {id_ for id_, shard in shards.items() if shard == held}


def test_full_claim_leaves_half_of_the_endpoints_to_other_workers(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = endpoint_with_a_delivery(receiver)
    theirs = endpoint_with_a_delivery(receiver)
    while shard_of(theirs) == shard_of(ours):
        theirs = endpoint_with_a_delivery(receiver)
    relay_all()
    order = [shard_of(ours), *(set(range(SHARDS)) - {shard_of(ours), shard_of(theirs)}), shard_of(theirs)]
    monkeypatch.setattr("random.sample", lambda *_: order)

    with transaction.atomic():
        first = claim_now(places=1)
        with ThreadPoolExecutor(1) as pool:
            second = pool.submit(claim_in_thread, 10_000).result(timeout=60)

    assert [job.endpoint_id for job in first] == [ours.id]
    assert theirs.id in {job.endpoint_id for job in second}
    assert ours.id not in {job.endpoint_id for job in second}


def endpoint_with_a_delivery(receiver: Any) -> Any:
    tenant = make_world().tenant()
    endpoint, _ = make_endpoint(tenant, receiver.url)
    make_customer(tenant)
    return endpoint


def shard_of(endpoint: Any) -> Any:
    return endpoint.id.bytes[15] % SHARDS


def claim_in_thread(places: Any) -> Any:
    try:
        return claim_now(places=places)
    finally:
        connection.close()


def test_deleting_an_endpoint_waits_for_a_result_being_recorded(
    world: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Deliveries are locked before their endpoint (core.postgres.locks); the other way round one would be a deadlock's victim."""
    endpoint, _ = make_endpoint(world.tenant(), receiver.url)
    make_customer(world.tenant())
    relay_all()
    [job] = [job for job in claim_now() if job.endpoint_id == endpoint.id]

    def delete() -> None:
        try:
            with tenant_context(world.tenant()):
                delete_endpoint(endpoint=endpoint, actor=SYSTEM)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        deleting = []

        def meet(*args: Any) -> Any:
            # The delivery is written, its endpoint's health is not yet: at this moment somebody deletes the endpoint.
            deleting.append(pool.submit(delete))
            wait_until(is_blocking_another)
            return _record_attempts(*args)

        monkeypatch.setattr("webhooks.delivery.record._record_attempts", meet)
        record_now(AttemptOutcome(job, clock.now(), 5, status_code=500))
        deleting[0].result(timeout=60)

    [delivery] = deliveries_of(endpoint)
    assert (delivery.status, delivery.failures, delivery.due_at) == ("canceled", 1, None)
    assert len(attempts_of(delivery)) == 1
    with tenant_context(world.tenant()):
        gone = Endpoint.objects.get(id=endpoint.id)
    assert gone.deleted_at is not None
    assert gone.failing_since is not None


def test_rows_of_an_endpoint_are_locked_in_a_consistent_order(world: World, receiver: Receiver) -> None:
    endpoint, _ = make_endpoint(world.tenant(), receiver.url)
    make_customer(world.tenant())
    relay_all()
    [job] = [job for job in claim_now() if job.endpoint_id == endpoint.id]

    def as_tenant(work: Any, **args: Any) -> Any:
        with tenant_context(world.tenant()):
            return work(endpoint=endpoint, actor=SYSTEM, **args)

    for act, expected in (
        (
            lambda: record_now(AttemptOutcome(job, clock.now(), 5, status_code=500)),
            ["webhooks_delivery", "webhooks_endpoint"],
        ),
        (
            lambda: as_tenant(rotate_secret, overlap="none"),
            ["webhooks_endpoint", "webhooks_endpointsecret"],
        ),
        (
            lambda: as_tenant(delete_endpoint),
            ["webhooks_delivery", "webhooks_endpoint", "webhooks_endpointsecret"],
        ),
    ):
        with locks_seen(WEBHOOK_LOCKS) as locked:
            act()
        assert locked == expected
        assert locked == sorted(locked, key=WEBHOOK_LOCKS.index)
