"""{{ title }} through the API and the dashboard."""

from collections.abc import Callable
from typing import Any

import pytest

from core.models import OutboxEvent
from core.tenancy import tenant_context
from tests.clients import ApiClient
from tests.factories import World
from {{ tests }}.samples import {{ object }}_fields


@pytest.fixture
def client(world: World, issue_key: Callable[..., Any], api: Callable[..., ApiClient]) -> ApiClient:
    return api(issue_key(world.company, scopes=["{{ app }}:read", "{{ app }}:write"]).client_secret)


def test_{{ object }}_lifecycle(world: World, client: ApiClient) -> None:
    fields = {{ object }}_fields(world.tenant())
    created = client.post("/v1/{{ app }}", fields, idempotency_key="first")
    assert created.status == 201, created
    assert created.json["object"] == "{{ object }}"
    assert {name: created.json[name] for name in fields} == fields

    path = f"/v1/{{ app }}/{created.json['id']}"
    assert client.post("/v1/{{ app }}", fields, idempotency_key="first").json == created.json
    assert client.get(path).json == created.json
    assert [found["id"] for found in client.get("/v1/{{ app }}").json["data"]] == [created.json["id"]]

    wanted = {{ changed_source_in_test }}
    changed = client.patch(path, {"{{ changed.name }}": wanted})
    assert (changed.status, changed.json["{{ changed.name }}"]) == (200, wanted)
    assert client.delete(path).status == 204
    assert (client.get(path).status, client.get("/v1/{{ app }}").json["data"]) == (404, [])

    with tenant_context(world.tenant()):
        events = OutboxEvent.objects.filter(object_id=created.json["id"]).order_by("id")
        assert [event.type for event in events] == [
            "{{ object }}.created",
            "{{ object }}.updated",
            "{{ object }}.deleted",
        ]
{% for field in filters %}


def test_list_filters_by_{{ field.name }}(world: World, client: ApiClient) -> None:
    first, second = ({{ object }}_fields(world.tenant()) for _ in range(2))
    ids = [client.post("/v1/{{ app }}", each).json["id"] for each in (first, second)]

    found = client.get(f"/v1/{{ app }}?{{ field.name }}={first['{{ field.name }}']}").json["data"]

    assert [each["id"] for each in found] == ids[:1]
{% endfor %}


def test_dashboard_pages_show_the_{{ object }}_only_to_its_company(world: World, client: ApiClient, login: Callable[..., Any]) -> None:
    public_id = client.post("/v1/{{ app }}", {{ object }}_fields(world.tenant())).json["id"]
    owner = login(world.owner, company=world.company)

    assert f"/{{ app }}/{public_id}/" in owner.get("/{{ app }}/").content.decode()
    assert public_id in owner.get(f"/{{ app }}/{public_id}/").content.decode()
    assert login(world.outsider, company=world.other_company).get(f"/{{ app }}/{public_id}/").status_code == 404
