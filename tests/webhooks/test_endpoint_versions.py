"""Endpoints and events are pinned to an API version, and payloads are rendered in the endpoint's version."""

from collections.abc import Callable
from typing import Any

import pytest

from apikeys.services import IssuedKey
from billing.services import update_customer
from core.api import versions
from core.models import OutboxEvent
from core.tenancy import tenant_context
from tests.clients import ApiClient, sign_in
from tests.factories import SYSTEM, World, make_customer
from tests.versions import FIRST, SECOND
from tests.webhooks.receiver import Receiver
from tests.webhooks.steps import attempts_of, deliveries_of, drain, fresh, make_due, make_endpoint, relay_all

SCOPES = ["events:read", "customers:read", "customers:write", "webhooks:read", "webhooks:write"]


@pytest.fixture
def client(world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]) -> Any:
    return api(issue_key(world.company, SCOPES).client_secret)


def by_path(receiver: Receiver) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for each in receiver.received:
        found.setdefault(each.path, []).append(each)
    return found


def test_each_endpoint_gets_its_own_version(
    two_versions: Any, world: World, receiver: Receiver, client: Any
) -> None:
    _, old = make_endpoint(world.tenant(), f"{receiver.url}/old", api_version=FIRST)
    make_endpoint(world.tenant(), f"{receiver.url}/new")
    customer = make_customer(world.tenant(), name="Ada")
    with tenant_context(world.tenant()):
        update_customer(customer=customer, name="Ada King", actor=SYSTEM)
    drain()

    found = by_path(receiver)
    created, updated = sorted((each.verify(old) for each in found["/old"]), key=lambda event: event["type"])
    assert (created["api_version"], created["data"]["object"]["full_name"]) == (FIRST, "Ada")
    assert "name" not in created["data"]["object"]
    assert (updated["data"]["object"]["full_name"], updated["data"]["previous"]) == (
        "Ada King",
        {"full_name": "Ada"},
    )
    newer = {each.json["type"]: each.json for each in found["/new"]}
    assert (newer["customer.updated"]["api_version"], newer["customer.updated"]["data"]["previous"]) == (
        SECOND,
        {"name": "Ada"},
    )
    # The API answers the same, in the version of the request.
    for date, sent in ((FIRST, updated), (SECOND, newer["customer.updated"])):
        assert client.get(f"/v1/events/{sent['id']}", headers={"Pomelo-Version": date}).json == sent


def test_events_written_before_a_version_stay_unchanged(
    world: World, receiver: Receiver, client: Any, request: pytest.FixtureRequest
) -> None:
    endpoint, _ = make_endpoint(world.tenant(), receiver.url, events=["customer.*"])
    make_customer(world.tenant(), name="Ada")
    relay_all()
    with tenant_context(world.tenant()):
        event = OutboxEvent.objects.get(public=True, type="customer.created")

    # The release with the second version comes, while the event waits: its object has the first one's form.
    request.getfixturevalue("two_versions")
    drain()

    assert event.api_version == fresh(endpoint).api_version == FIRST
    sent = receiver.received[0].json
    read = [
        client.get(f"/v1/events/{event.public_id}", headers={"Pomelo-Version": date}).json
        for date in (FIRST, SECOND)
    ]
    for each in (sent, *read):
        assert (each["api_version"], each["data"]["object"]["name"]) == (FIRST, "Ada")


def test_thin_event_of_an_older_version_keeps_only_its_name(
    two_versions: Any, world: World, receiver: Receiver
) -> None:
    make_endpoint(world.tenant(), receiver.url, events=["customer.*"], api_version=FIRST)
    customer = make_customer(world.tenant(), address={"line1": "é" * 40_000})
    drain()

    [got] = receiver.received
    assert got.json["api_version"] == FIRST
    assert got.json["data"]["object"] == {"id": customer.public_id, "object": "customer"}


def test_endpoint_gets_the_version_of_its_creating_request_and_can_be_moved(
    two_versions: Any, client: Any
) -> None:
    fields = {"url": "https://example.com/hook", "events": ["customer.*"]}

    made = client.post("/v1/webhook_endpoints", fields, headers={"Pomelo-Version": FIRST})
    newer = client.post("/v1/webhook_endpoints", fields)
    named = client.post("/v1/webhook_endpoints", {**fields, "api_version": FIRST})
    path = f"/v1/webhook_endpoints/{made.json['id']}"
    refused = client.patch(path, {"api_version": "2026-11-02"})

    assert [each.json["api_version"] for each in (made, newer, named)] == [FIRST, SECOND, FIRST]
    assert (refused.status, refused.json["error"]["fields"]) == (
        400,
        [
            {
                "field": "api_version",
                "code": "unknown_version",
                "message": f"The API has no such version (any more). Send one of: {FIRST}, {SECOND}.",
            }
        ],
    )
    assert client.get(path).json["api_version"] == FIRST
    assert client.patch(path, {"api_version": SECOND}).json["api_version"] == SECOND


def test_endpoint_page_shows_and_changes_the_version(two_versions: Any, world: World) -> None:
    endpoint, _ = make_endpoint(world.tenant(), "https://example.com/hook", api_version=FIRST)
    browser = sign_in(world.owner, world.company)
    page = f"/webhooks/{endpoint.public_id}/"
    fields = {"url": endpoint.url, "events": ["*"], "api_version": SECOND}

    assert "API version" in browser.get(page).content.decode()
    assert f'<option value="{FIRST}" selected>' in browser.get(f"{page}edit/").content.decode()
    assert browser.post(f"{page}edit/", {**fields, "api_version": "2020-01-01"}).status_code == 422
    assert fresh(endpoint).api_version == FIRST
    assert browser.post(f"{page}edit/", fields).status_code == 302

    assert fresh(endpoint).api_version == SECOND
    # A new one has the newest: nobody is asked.
    assert "API version" not in browser.get("/webhooks/create/").content.decode()


def test_version_conversion_error_fails_only_that_delivery(
    two_versions: Any, world: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint, _ = make_endpoint(world.tenant(), receiver.url, events=["customer.*"], api_version=FIRST)
    change = versions.newest().changes[0]
    downgrade = change.downgrade_object
    unshown = ["Eve"]

    def stumble(found: Any) -> Any:
        if found["name"] in unshown:
            raise KeyError("name")
        return downgrade(found)

    monkeypatch.setattr(type(change), "downgrade_object", lambda _, found: stumble(found))
    for name in ("Eve", "Ada"):
        make_customer(world.tenant(), name=name)
    drain()

    assert [each.json["data"]["object"]["full_name"] for each in receiver.received] == ["Ada"]
    failed, sent = deliveries_of(endpoint)
    assert (failed.status, sent.status) == ("retrying", "succeeded")
    assert [each.error for each in attempts_of(failed)] == ["version_failed"]

    unshown.clear()
    make_due(endpoint)
    drain()
    assert receiver.received[1].json["data"]["object"]["full_name"] == "Eve"
