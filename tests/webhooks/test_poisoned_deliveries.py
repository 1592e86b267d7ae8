"""Bad deliveries, outcomes and events are set aside, and all others are delivered."""

from datetime import timedelta
from typing import Any

import orjson
import pytest

from core import clock
from core.background import loops
from core.models import OutboxEvent
from core.security import crypto
from core.tenancy import system_context, tenant_context
from tests.factories import World, make_customer
from tests.poison import REASON, Poison, poison, reason_of
from tests.webhooks.receiver import Receiver
from tests.webhooks.steps import attempts_of, deliveries_of, drain, make_due, make_endpoint, relay_all
from webhooks import relay
from webhooks.delivery import cycle, pump
from webhooks.delivery import record as recording
from webhooks.delivery.limits import Limits
from webhooks.delivery.record import EndpointToDisable
from webhooks.models import Endpoint, EndpointSecret


@pytest.mark.parametrize("damage", ["secret", "headers", "no secret"])
def test_unreadable_endpoint_does_not_block_other_deliveries(
    world: World, receiver: Receiver, damage: str
) -> None:
    bad, _ = make_endpoint(world.tenant(), receiver.url)
    good, _ = make_endpoint(world.other_tenant(), receiver.url)
    with system_context(reason="tests"):
        if damage == "secret":
            EndpointSecret.objects.filter(endpoint_id=bad.id).update(secret=b"nobody's key")
        elif damage == "headers":
            Endpoint.objects.filter(id=bad.id).update(headers=b"nobody's key")
        else:
            EndpointSecret.objects.filter(endpoint_id=bad.id).update(expires=clock.now() - timedelta(days=1))
    for tenant in (world.tenant(), world.other_tenant()):
        make_customer(tenant)

    drain()

    (undelivered,), (delivered,) = deliveries_of(bad), deliveries_of(good)
    assert (undelivered.status, delivered.status) == ("retrying", "succeeded")
    assert [try_.error for try_ in attempts_of(undelivered)] == ["endpoint_unreadable"]
    assert reason_of("webhooks.claim", bad.public_id) is not None
    # It goes out as soon as it can be read.
    with system_context(reason="tests"):
        EndpointSecret.objects.filter(endpoint_id=bad.id).update(
            secret=crypto.encrypt(b"whsec_" + b"A" * 32), expires=None
        )
        Endpoint.objects.filter(id=bad.id).update(headers=crypto.encrypt(b"{}"))
    make_due(bad)
    drain()
    assert [row.status for row in deliveries_of(bad)] == ["succeeded"]


def test_outcome_that_cannot_be_recorded_does_not_block_others_and_keeps_its_status(
    world: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint, _ = make_endpoint(world.tenant(), f"{receiver.url}/poisoned")
    other, _ = make_endpoint(world.other_tenant(), receiver.url)
    for tenant in (world.tenant(), world.other_tenant()):
        make_customer(tenant)
    receiver.answer = lambda got: (200, {}, got.path.encode())
    poison(monkeypatch, recording, "excerpt", lambda body: body == b"/poisoned")

    drain()

    assert [row.status for row in (*deliveries_of(endpoint), *deliveries_of(other))] == ["succeeded"] * 2
    assert len(receiver.received) == 2
    assert reason_of("webhooks.record", deliveries_of(endpoint)[0].public_id) == REASON


@pytest.mark.parametrize("part", ["relay_events", "advance_recoveries", "switch_off"])
def test_failing_step_of_the_cycle_does_not_block_deliveries(
    world: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    waiting, _ = make_endpoint(world.tenant(), receiver.url)
    make_customer(world.tenant())
    relay_all()
    gone, _ = make_endpoint(world.other_tenant(), receiver.url)
    poison(monkeypatch, cycle, part, lambda *_: True)
    monkeypatch.setattr(
        cycle, "record", lambda outcomes: [EndpointToDisable(gone.id, gone.company_id, "live", "gone")]
    )
    monkeypatch.setattr(cycle, "_look", lambda: (True, True))

    step = cycle.run_cycle([], 100, 100, Limits())

    assert waiting.id in {job.endpoint_id for job in step.jobs}
    names = {
        "relay_events": "relay",
        "advance_recoveries": "recover",
        "switch_off": f"switch off {gone.public_id}",
    }
    assert reason_of("webhooks.cycle", names[part]) == REASON


def test_failing_cycle_does_not_stop_the_pump(
    world: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint, _ = make_endpoint(world.tenant(), receiver.url)
    make_customer(world.tenant())
    failures = iter([Poison("a bug")] * 3)
    original = pump.run_cycle

    def fail_at_first(*args: Any) -> Any:
        for failure in failures:
            raise failure
        return original(*args)

    monkeypatch.setattr(pump, "run_cycle", fail_at_first)
    monkeypatch.setattr(loops, "FIRST_PAUSE_SECONDS", 0.001)

    drain()

    assert [row.status for row in deliveries_of(endpoint)] == ["succeeded"]


@pytest.mark.parametrize("stage", ["rendered", "matched", "stored"])
def test_event_that_cannot_be_relayed_does_not_block_others(
    world: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    endpoint, _ = make_endpoint(world.tenant(), receiver.url)
    names = ("first", "bad", "last")
    first, bad, last = (make_customer(world.tenant(), name=name).public_id for name in names)
    with tenant_context(world.tenant()):
        event = OutboxEvent.objects.get(object_id=bad)
        if stage == "matched":
            OutboxEvent.objects.filter(id=event.id).update(type="poisoned")
    if stage == "rendered":
        poison(monkeypatch, relay, "render_body", lambda row: row.id == event.id)
    elif stage == "matched":
        poison(monkeypatch, relay, "matches", lambda patterns, type_: type_ == "poisoned")
    else:
        poison(
            monkeypatch,
            relay,
            "_insert",
            lambda cursor, rendered, _: any(e.id == event.id for e, _ in rendered),
        )

    drain()

    # Two deliveries go out side by side: either may arrive first.
    assert {orjson.loads(got.body)["data"]["object"]["id"] for got in receiver.received} == {first, last}
    assert reason_of("webhooks.relay", event.public_id) == REASON
    with tenant_context(world.tenant()):
        assert OutboxEvent.objects.get(id=event.id).relayed_at is not None
    assert len(deliveries_of(endpoint)) == 2
