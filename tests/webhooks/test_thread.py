"""The path of an event: committed, relayed, signed, received, verified, recorded."""

import pytest
import standardwebhooks
from django.db import transaction

from billing.services import create_customer
from core.tenancy import tenant_context
from tests.factories import SYSTEM, World, make_customer
from tests.webhooks.receiver import Receiver
from tests.webhooks.steps import attempts_of, deliveries_of, drain, make_due, make_endpoint


def test_customer_created_event_arrives_once_and_verifies(world: World, receiver: Receiver) -> None:
    endpoint, secret = make_endpoint(world.tenant(), f"{receiver.url}/hooks?a=1")

    customer = make_customer(world.tenant(), name="Zoë 🍊")
    drain()

    [got] = receiver.received
    payload = got.verify(secret)
    assert got.path == "/hooks?a=1"
    assert payload["type"] == "customer.created"
    assert payload["data"]["object"]["id"] == customer.public_id
    assert payload["data"]["object"]["name"] == "Zoë 🍊"
    assert payload["timestamp"] == payload["created"]
    assert got.headers["content-type"] == "application/json"
    [delivery] = deliveries_of(endpoint)
    assert (delivery.status, delivery.attempts, delivery.due_at) == ("succeeded", 1, None)
    [attempt] = attempts_of(delivery)
    assert (attempt.status_code, attempt.error, attempt.response_body) == (200, "", "ok")


def test_endpoints_of_other_companies_and_modes_get_nothing(world: World, receiver: Receiver) -> None:
    make_endpoint(world.other_tenant(), f"{receiver.url}/other")
    make_endpoint(world.tenant("test"), f"{receiver.url}/test")

    make_customer(world.tenant())
    drain()

    assert receiver.received == []


def test_failed_delivery_is_retried_with_the_same_id_and_bytes(world: World, receiver: Receiver) -> None:
    endpoint, secret = make_endpoint(world.tenant(), receiver.url)
    receiver.answer = (500, {}, b"no")
    make_customer(world.tenant())

    drain()
    [delivery] = deliveries_of(endpoint)
    assert (delivery.status, delivery.failures) == ("retrying", 1)
    assert delivery.due_at is not None

    receiver.answer = (204, {}, b"")
    make_due(endpoint)
    drain()

    first, second = receiver.received
    assert (first.id, first.body) == (second.id, second.body)
    second.verify(secret)
    [delivery] = deliveries_of(endpoint)
    assert (delivery.status, delivery.attempts) == ("succeeded", 2)
    assert [each.status_code for each in attempts_of(delivery)] == [500, 204]


def test_event_whose_transaction_rolls_back_is_never_sent(world: World, receiver: Receiver) -> None:
    make_endpoint(world.tenant(), receiver.url)

    with tenant_context(world.tenant()):
        create_customer(actor=SYSTEM, name="Nobody")
        transaction.set_rollback(True)
    drain()

    assert receiver.received == []


def test_only_subscribed_events_arrive(world: World, receiver: Receiver) -> None:
    make_endpoint(world.tenant(), f"{receiver.url}/invoices", events=["invoice.*"])
    make_endpoint(world.tenant(), f"{receiver.url}/customers", events=["customer.*"])
    make_endpoint(world.tenant(), f"{receiver.url}/updates", events=["customer.updated"])

    make_customer(world.tenant())
    drain()

    assert [got.path for got in receiver.received] == ["/customers"]


def test_endpoint_gets_no_event_from_before_it_existed(world: World, receiver: Receiver) -> None:
    make_customer(world.tenant())  # committed, not yet relayed
    make_endpoint(world.tenant(), receiver.url)

    drain()

    assert receiver.received == []


def test_secret_of_another_endpoint_does_not_verify(world: World, receiver: Receiver) -> None:
    make_endpoint(world.tenant(), receiver.url)
    _, strange = make_endpoint(world.other_tenant(), receiver.url)
    make_customer(world.tenant())
    drain()

    with pytest.raises(standardwebhooks.WebhookVerificationError):
        receiver.received[0].verify(strange)
