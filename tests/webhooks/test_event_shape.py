"""Webhook payloads equal API responses, and match the documented schema."""

from collections.abc import Callable
from typing import Any

import pytest
import standardwebhooks

from apikeys.services import IssuedKey
from billing.services import update_customer
from core.tenancy import tenant_context
from tests.clients import ApiClient
from tests.contracts.payloads import DOCUMENT, payload_of, problems_of_event
from tests.factories import SYSTEM, World, make_customer
from tests.webhooks.receiver import Receiver
from tests.webhooks.steps import drain, make_endpoint
from webhooks.catalogue import CATALOGUE, TEST_EVENT

SCOPES = ["events:read", "customers:read", "webhooks:read", "webhooks:write"]


@pytest.fixture
def client(world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]) -> Any:
    return api(issue_key(world.company, SCOPES).client_secret)


def read(client: Any, event_id: str) -> dict[str, Any]:
    answer = client.get(f"/v1/events/{event_id}")
    assert answer.status == 200
    return answer.json


def test_webhook_payload_equals_the_api_response(world: World, receiver: Receiver, client: Any) -> None:
    _, secret = make_endpoint(world.tenant(), receiver.url, events=["customer.*"])
    make_customer(world.tenant(), name="Ada")
    drain()

    [got] = receiver.received
    sent = standardwebhooks.Webhook(secret).verify(got.body, got.headers)
    assert sent == read(client, got.headers["webhook-id"])
    assert sent["id"] == got.headers["webhook-id"]
    assert (sent["object"], sent["mode"], sent["timestamp"]) == ("event", "live", sent["created"])
    assert "previous" not in sent["data"]
    assert problems_of_event(sent) == []


def test_update_event_includes_previous_values(world: World, receiver: Receiver, client: Any) -> None:
    customer = make_customer(world.tenant(), name="Ada", phone="")
    make_endpoint(world.tenant(), receiver.url, events=["customer.updated"])
    with tenant_context(world.tenant()):
        update_customer(customer=customer, name="Ada King", phone="+493012345678", actor=SYSTEM)
    drain()

    [got] = receiver.received
    assert got.json["data"]["object"]["name"] == "Ada King"
    # As the API shows it: what was not there was null.
    assert got.json["data"]["previous"] == {"name": "Ada", "phone": None}
    assert got.json == read(client, got.json["id"])
    assert problems_of_event(got.json) == []


def test_thin_event_has_the_same_shape_and_links_to_the_full_one(
    world: World, receiver: Receiver, client: Any
) -> None:
    make_endpoint(world.tenant(), receiver.url, events=["customer.*"])
    customer = make_customer(world.tenant(), address={"line1": "é" * 40_000})
    drain()

    thin = receiver.received[0].json
    whole = read(client, thin["id"])
    assert {**thin, "data": None} == {**whole, "data": None}
    assert thin["data"]["object"] == {"id": customer.public_id, "object": "customer"}
    assert thin["data"]["url"].endswith(f"/v1/events/{whole['id']}")
    assert whole["data"]["object"]["address"]["line1"] == "é" * 40_000
    assert problems_of_event(thin) == []


def test_test_event_can_be_read_by_the_api(
    world: World,
    receiver: Receiver,
    client: Any,
    api: Callable[..., ApiClient],
    issue_key: Callable[..., IssuedKey],
) -> None:
    endpoint, _ = make_endpoint(world.tenant(), receiver.url, events=["customer.*"])
    delivery = client.post(f"/v1/webhook_endpoints/{endpoint.public_id}/test").json
    drain()

    [got] = receiver.received
    assert got.json["type"] == TEST_EVENT
    assert got.json == read(client, delivery["event"])
    assert problems_of_event(got.json) == []
    # Whoever may not read endpoints does not read what is sent to them, and a list never shows it.
    other = api(issue_key(world.company, ["events:read", "customers:read"]).client_secret)
    assert other.get(f"/v1/events/{delivery['event']}").code == "insufficient_scope"
    assert TEST_EVENT not in {each["type"] for each in client.get("/v1/events").json["data"]}


def test_the_document_has_a_payload_for_every_event_type() -> None:
    assert set(DOCUMENT["webhooks"]) == {*CATALOGUE, TEST_EVENT}
    for kind in DOCUMENT["webhooks"]:
        payload = DOCUMENT["components"]["schemas"][payload_of(kind)["$ref"].rpartition("/")[2]]
        assert payload["properties"]["type"]["enum"] == [kind]
        whole, _ = payload["properties"]["data"]["properties"]["object"]["anyOf"]
        described = DOCUMENT["components"]["schemas"][whole["$ref"].rpartition("/")[2]]
        assert described["properties"]["id"]
