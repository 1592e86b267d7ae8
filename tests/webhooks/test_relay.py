"""Which events the relay takes from the outbox, and when."""

import psycopg
import pytest
from django.db import IntegrityError

from core import clock
from core.models import OutboxEvent
from core.tenancy import tenant_context
from tests.engines import superuser_url
from tests.factories import World, make_customer
from tests.late_writers import uncommitted
from tests.webhooks.receiver import Receiver
from tests.webhooks.steps import (
    deliveries_of,
    drain,
    make_endpoint,
    relay_all,
)
from webhooks import relay
from webhooks.models import Delivery, EventBody


def test_the_same_event_relayed_twice_is_delivered_once(world: World, receiver: Receiver) -> None:
    endpoint, _ = make_endpoint(world.tenant(), receiver.url)
    make_customer(world.tenant())
    drain()
    with tenant_context(world.tenant()):
        OutboxEvent.objects.update(relayed_at=None, position=None)
    drain()

    assert len(deliveries_of(endpoint)) == 1
    assert len(receiver.received) == 1


def test_late_commit_gets_a_later_position_and_delays_nobody(world: World, receiver: Receiver) -> None:
    make_endpoint(world.tenant(), receiver.url)
    relay_all()
    with uncommitted(world.tenant(), lambda: make_customer(world.tenant(), name="late"), OutboxEvent):
        make_customer(world.tenant(), name="early")

        drain()
        before = [got.json["data"]["object"]["name"] for got in receiver.received]
    drain()

    assert before == ["early"]
    assert [got.json["data"]["object"]["name"] for got in receiver.received] == ["early", "late"]
    with tenant_context(world.tenant()):
        late, early = OutboxEvent.objects.filter(type="customer.created").order_by("sequence")
    assert late.data["object"]["name"] == "late"
    assert late.sequence < early.sequence
    assert late.position > early.position


def test_endpoint_gets_only_events_committed_after_it_subscribed(world: World, receiver: Receiver) -> None:
    """Whether the relay had taken it by then does not matter, nor when the transaction began."""
    with uncommitted(world.tenant(), lambda: make_customer(world.tenant(), name="late"), OutboxEvent):
        make_customer(world.tenant(), name="before")
        make_endpoint(world.tenant(), receiver.url)
        make_customer(world.tenant(), name="after")

    drain()

    assert sorted(got.json["data"]["object"]["name"] for got in receiver.received) == ["after", "late"]
    with tenant_context(world.tenant()):
        events = OutboxEvent.objects.filter(type="customer.created").order_by("position")
        assert events[0].data["object"]["name"] == "before"


def test_transaction_of_another_database_delays_no_event(world: World, receiver: Receiver) -> None:
    """A server is shared: somebody else's long transaction is none of ours."""
    endpoint, _ = make_endpoint(world.tenant(), receiver.url)
    with psycopg.connect(superuser_url("postgres")) as foreign:
        foreign.execute("SELECT pg_current_xact_id()")
        make_customer(world.tenant(), name="Ada")

        drain()

        assert [each.status for each in deliveries_of(endpoint)] == ["succeeded"]
    assert [got.json["data"]["object"]["name"] for got in receiver.received] == ["Ada"]


def test_relay_reports_whether_events_are_pending(world: World) -> None:
    relay_all()
    for _ in range(3):
        make_customer(world.tenant())

    done = [relay.relay_events(limit=2), relay.relay_events(limit=2), relay.relay_events(limit=2)]

    assert [(each.events, each.waiting) for each in done] == [(2, True), (1, False), (0, False)]


def test_positions_follow_the_sequence_of_a_company_whatever_the_batches(world: World) -> None:
    relay_all()
    for number in range(5):
        make_customer(world.tenant("test" if number % 2 else "live"))

    while relay.relay_events(limit=2).waiting:
        pass

    found = []
    for tenant in (world.tenant(), world.tenant("test")):
        with tenant_context(tenant):
            found += OutboxEvent.objects.filter(type="customer.created").values_list("sequence", "position")
    found.sort()
    assert len(found) == 5
    assert [position for _, position in found] == sorted(position for _, position in found)


def test_company_being_relayed_elsewhere_is_skipped(world: World) -> None:
    relay_all()
    make_customer(world.tenant())
    make_customer(world.other_tenant())
    with psycopg.connect(superuser_url()) as other:
        other.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [relay._LOCKS, str(world.company.id)])
        held = relay.relay_events()
        with tenant_context(world.tenant()):
            left = OutboxEvent.objects.filter(relayed_at=None).count()

    relay_all()

    assert (held.events, held.waiting, left) == (1, True, 1)
    with tenant_context(world.tenant()):
        assert not OutboxEvent.objects.filter(relayed_at=None).exists()


def test_counter_behind_the_rows_is_advanced(world: World, receiver: Receiver) -> None:
    """An upgrade that copies tables, and not sequences, begins to count anew."""
    make_endpoint(world.tenant(), receiver.url)
    make_customer(world.tenant(), name="before")
    drain()
    with psycopg.connect(superuser_url(), autocommit=True) as superuser:
        superuser.execute("SELECT setval('core_event_position', 1)")
    make_customer(world.tenant(), name="after")

    drain()

    with tenant_context(world.tenant()):
        events = OutboxEvent.objects.filter(type="customer.created").order_by("position")
        assert [event.data["object"]["name"] for event in events] == ["before", "after"]
    assert [got.json["data"]["object"]["name"] for got in receiver.received] == ["before", "after"]


def test_payload_is_kept_as_long_as_its_delivery(world: World, receiver: Receiver) -> None:
    endpoint, _ = make_endpoint(world.tenant(), receiver.url)
    make_customer(world.tenant())
    relay_all()
    [delivery] = deliveries_of(endpoint)

    with (
        pytest.raises(IntegrityError, match="webhooks_delivery_body_fk"),
        tenant_context(world.tenant()),
    ):
        EventBody.objects.filter(event_id=delivery.event_id).delete()
    drain()

    assert deliveries_of(endpoint)[0].status == "succeeded"


def test_delivery_requires_a_payload(world: World, receiver: Receiver) -> None:
    customer = make_customer(world.tenant())
    relay_all()  # nobody subscribed: the event was not made ready for sending
    endpoint, _ = make_endpoint(world.tenant(), receiver.url)

    with tenant_context(world.tenant()):
        event = OutboxEvent.objects.get(object_id=customer.public_id)

    with (
        pytest.raises(IntegrityError, match="webhooks_delivery_body_fk"),
        tenant_context(world.tenant()),
    ):
        Delivery.objects.create(endpoint=endpoint, event=event, event_type=event.type, due_at=clock.now())

    assert deliveries_of(endpoint) == []
