"""Bookings, as an integrator meets them."""

from collections.abc import Callable
from typing import Any

import pytest

from core.models import OutboxEvent
from core.tenancy import tenant_context
from tests.clients import ApiClient
from tests.example_app.tests.samples import booking_fields
from tests.factories import World


@pytest.fixture
def client(world: World, issue_key: Callable[..., Any], api: Callable[..., ApiClient]) -> ApiClient:
    return api(issue_key(world.company, scopes=["bookings:read", "bookings:write"]).client_secret)


def test_booking_lifecycle(world: World, client: ApiClient) -> None:
    fields = booking_fields(world.tenant())
    created = client.post("/v1/bookings", fields, idempotency_key="first")
    assert created.status == 201, created
    assert created.json["object"] == "booking"
    assert {name: created.json[name] for name in fields} == fields

    path = f"/v1/bookings/{created.json['id']}"
    assert client.post("/v1/bookings", fields, idempotency_key="first").json == created.json
    assert client.get(path).json == created.json
    assert [found["id"] for found in client.get("/v1/bookings").json["data"]] == [created.json["id"]]

    wanted = booking_fields(world.tenant())["title"]
    changed = client.patch(path, {"title": wanted})
    assert (changed.status, changed.json["title"]) == (200, wanted)
    assert client.delete(path).status == 204
    assert (client.get(path).status, client.get("/v1/bookings").json["data"]) == (404, [])

    with tenant_context(world.tenant()):
        told = OutboxEvent.objects.filter(object_id=created.json["id"]).order_by("id")
        assert [event.type for event in told] == [
            "booking.created",
            "booking.updated",
            "booking.deleted",
        ]


def test_bookings_are_filtered_by_reference(world: World, client: ApiClient) -> None:
    first, second = (booking_fields(world.tenant()) for _ in range(2))
    ids = [client.post("/v1/bookings", each).json["id"] for each in (first, second)]

    found = client.get(f"/v1/bookings?reference={first['reference']}").json["data"]

    assert [each["id"] for each in found] == ids[:1]


def test_bookings_are_filtered_by_customer(world: World, client: ApiClient) -> None:
    first, second = (booking_fields(world.tenant()) for _ in range(2))
    ids = [client.post("/v1/bookings", each).json["id"] for each in (first, second)]

    found = client.get(f"/v1/bookings?customer={first['customer']}").json["data"]

    assert [each["id"] for each in found] == ids[:1]


def test_extensions_pages_show_its_objects(
    world: World, client: ApiClient, login: Callable[..., Any]
) -> None:
    public_id = client.post("/v1/bookings", booking_fields(world.tenant())).json["id"]
    owner = login(world.owner, company=world.company)

    assert f"/bookings/{public_id}/" in owner.get("/bookings/").content.decode()
    assert public_id in owner.get(f"/bookings/{public_id}/").content.decode()
    assert (
        login(world.outsider, company=world.other_company).get(f"/bookings/{public_id}/").status_code == 404
    )
