"""What the relay takes of the outbox, and when."""

import threading

import psycopg
import pytest
from django.db import IntegrityError, connection

from core import clock
from core.models import OutboxEvent
from core.tenancy import tenant_context
from tests.engines import superuser_url
from tests.factories import make_customer
from tests.webhooks.steps import (
    deliveries_of,
    drain,
    make_endpoint,
    relay_all,
)
from webhooks import relay
from webhooks.models import Delivery, EventBody


def test_the_same_event_relayed_twice_is_delivered_once(world, receiver):
    endpoint, _ = make_endpoint(world.tenant(), receiver.url)
    make_customer(world.tenant())
    drain()
    with tenant_context(world.tenant()):
        OutboxEvent.objects.update(relayed_at=None)
    drain()

    assert len(deliveries_of(endpoint)) == 1
    assert len(receiver.received) == 1


def test_an_event_waits_until_no_older_transaction_can_still_commit(world, receiver):
    """A slow commit may carry an older id: the relay must not go past it, nor a poller."""
    endpoint, _ = make_endpoint(world.tenant(), receiver.url)
    relay_all()
    writing, release = threading.Event(), threading.Event()

    def slow_writer():
        with tenant_context(world.tenant()):
            make_customer(world.tenant(), name="first")
            writing.set()
            release.wait(90)
        connection.close()

    writer = threading.Thread(target=slow_writer)
    writer.start()
    assert writing.wait(90)
    make_customer(world.tenant(), name="second")

    before = relay.relay_events()
    made = deliveries_of(endpoint)
    release.set()
    writer.join()
    drain()

    assert (before.events, before.waiting, made) == (0, True, [])
    assert [got.json["data"]["name"] for got in receiver.received] == ["first", "second"]


def test_the_relay_says_that_an_event_behind_an_open_transaction_still_waits(world):
    # given one event that is safe to take, and one that an older open transaction holds back
    relay_all()
    make_customer(world.tenant())
    with psycopg.connect(superuser_url()) as older:
        older.execute("SELECT pg_current_xact_id()")
        make_customer(world.tenant())
        # when
        first = relay.relay_events()
        # then
        assert first.waiting is True
    relay_all()
    assert relay.relay_events() == relay.RelayResult(events=0, deliveries=0, waiting=False)


def test_what_is_to_be_sent_stays_for_as_long_as_its_delivery(world, receiver):
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


def test_there_is_no_delivery_without_what_is_to_be_sent(world, receiver):
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
