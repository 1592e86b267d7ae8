"""ViewSets, actions, functions and list filters, written as in DRF's documentation (docs/architecture.md, The request pipeline)."""

from typing import Any

import pytest
from django.urls import include, path
from drf_spectacular.generators import SchemaGenerator

from audit.models import AuditEntry
from core.api.checks import check_api_views
from core.api.routers import Router
from core.models import OutboxEvent
from core.tenancy import tenant_context
from core.values import ids
from tests.clients import ApiAnswer
from tests.core.api.answers import names, refused
from tests.core.api.extension_viewsets import Searched
from tests.factories import make_customer

pytestmark = pytest.mark.usefixtures("extended")


def test_action_has_its_own_scopes_per_method(client_of: Any) -> None:
    reader, writer = client_of(scopes=["events:read"]), client_of(scopes=["audit:read"])

    assert reader.get("/v1/x/things/7/parts").json == {"action": "parts", "id": "7"}
    assert writer.post("/v1/x/things/7/parts", {}).status == 200
    found = refused(reader.post("/v1/x/things/7/parts", {}), 403, "insufficient_scope")
    assert found["error"]["required_scopes"] == ["charges:write", "audit:read"]
    refused(writer.get("/v1/x/things/7/parts"), 403, "insufficient_scope")
    refused(reader.get("/v1/x/things"), 403, "insufficient_scope")


def test_action_has_its_own_throttles_and_permissions(client_of: Any) -> None:
    answer = client_of("Ada", ["events:read"]).get("/v1/x/things/ada")

    assert answer.json == {"action": "ada"}
    assert answer.headers["RateLimit-Policy"].startswith('"company"')
    refused(client_of("Eve", ["events:read"]).get("/v1/x/things/ada"), 403, "not_permitted")


def test_unbound_method_of_a_viewset_is_405_with_what_is_bound(client_of: Any) -> None:
    answer = client_of().request("DELETE", "/v1/x/things")

    refused(answer, 405, "method_not_allowed")
    assert answer.headers["Allow"] == "GET, POST, HEAD, OPTIONS"
    options = client_of(scopes=["events:read"]).request("OPTIONS", "/v1/x/things")
    assert (options.status, options.headers["Allow"]) == (204, "GET, POST, HEAD, OPTIONS")


def test_viewset_uses_the_apis_pagination(world: Any, client_of: Any) -> None:
    for name in ("one", "two"):
        make_customer(world.tenant(), name=name)
    make_customer(world.other_tenant(), name="foreign")
    client = client_of()

    page = client.get("/v1/x/rows?limit=1")
    rest = client.get(f"/v1/x/rows?starting_after={page.json['next_cursor']}")

    assert (page.json["data"], page.json["has_more"]) == ([{"name": "two"}], True)
    assert (rest.json["data"], rest.json["has_more"]) == ([{"name": "one"}], False)
    refused(client.get("/v1/x/rows?filter=none"), 400, "validation_failed")


def test_ordinary_modelviewset_is_guarded_isolated_and_published(world: Any, client_of: Any) -> None:
    foreign = make_customer(world.other_tenant(), name="foreign").public_id
    client = client_of()

    made = client.post("/v1/x/ordinary", {"name": "Ada", "email": "a@example.com"}, idempotency_key="once")
    again = client.post("/v1/x/ordinary", {"name": "Ada", "email": "a@example.com"}, idempotency_key="once")
    url = f"/v1/x/ordinary/{made.json['id']}"
    changed = client.patch(url, {"name": "Grace"})
    unchanged = client.patch(url, {"name": "Grace"})

    assert (made.status, again.content, changed.json["name"]) == (201, made.content, "Grace")
    assert unchanged.json == changed.json == client.get(url).json
    assert [row["name"] for row in client.get("/v1/x/ordinary").json["data"]] == ["Grace"]
    for method in ("GET", "PATCH", "DELETE"):
        refused(client.request(method, f"/v1/x/ordinary/{foreign}", {}), 404, "not_found")
    refused(client.get("/v1/x/ordinary/nonsense"), 404, "not_found")
    assert client.delete(url).status == 204
    assert names(world) == []
    with tenant_context(world.tenant()):
        events = list(
            OutboxEvent.objects.filter(type__startswith="customer.")
            .order_by("sequence")
            .values_list("type", "object_id")
        )
        trail = AuditEntry.objects.filter(action__startswith="customer.").order_by("id")
        actions = [(entry.action, entry.actor_name, entry.target_id) for entry in trail]
    kinds = ["customer.created", "customer.updated", "customer.deleted"]
    assert events == [(kind, made.json["id"]) for kind in kinds]
    assert actions == [(kind, "Ada", made.json["id"]) for kind in kinds]


def test_viewset_that_publishes_no_events_fails_the_checks() -> None:
    found = {message.msg for message in check_api_views(None) if message.id == "pomelo.E009"}

    assert found == {
        "/v1/x/silent changes rows with DRF's perform_create, which publishes no event.",
        "/v1/x/silent/<str:pk> changes rows with DRF's perform_update, which publishes no event.",
        "/v1/x/silent/<str:pk> changes rows with DRF's perform_destroy, which publishes no event.",
        "/v1/x/undeclared publishes idempotencyrecord.created, which no app declares.",
        "/v1/x/undeclared/<str:id> publishes idempotencyrecord.updated, which no app declares.",
        "/v1/x/undeclared/<str:id> publishes idempotencyrecord.deleted, which no app declares.",
    }


def test_api_view_function_honors_its_decorators(client_of: Any) -> None:
    ada = client_of("Ada", ["events:read"])

    assert ada.get("/v1/x/decorated").headers["RateLimit-Policy"].startswith('"company"')
    assert ada.post("/v1/x/decorated", {}).json == {"name": "Ada"}
    refused(client_of("Eve").get("/v1/x/decorated"), 403, "not_permitted")
    assert client_of(scopes=["audit:read"]).get("/v1/x/function").status == 200
    refused(client_of(scopes=["events:read"]).get("/v1/x/function"), 403, "insufficient_scope")


# --- Filters --------------------------------------------------------------------------------------------------------


def found(answer: ApiAnswer) -> list[str]:
    assert answer.status == 200, answer.json
    return [row["name"] for row in answer.json["data"]]


@pytest.fixture
def four(world: Any) -> None:
    """Given four customers, of whom two have no external id, and one is another company's."""
    for name, email, external_id in (
        ("Grace", "b@example.com", "2"),
        ("Ada", "c@example.com", None),
        ("Alan", "a@example.com", "1"),
        ("Edsger", "a@example.com", None),
    ):
        make_customer(world.tenant(), name=name, email=email, external_id=external_id)
    make_customer(world.other_tenant(), name="Ada of others", email="a@example.com")


@pytest.mark.usefixtures("four")
def test_drf_search_and_ordering_work_with_our_filters(client_of: Any) -> None:
    client = client_of()

    assert found(client.get("/v1/x/searched?search=ada")) == ["Ada"]
    assert found(client.get("/v1/x/searched?search=a@example.com&ordering=name")) == ["Alan", "Edsger"]
    assert found(client.get("/v1/x/searched?ordering=email,-name")) == ["Edsger", "Alan", "Grace", "Ada"]
    assert found(client.get("/v1/x/searched?email=a@example.com&ordering=-name")) == ["Edsger", "Alan"]
    assert found(client.get("/v1/x/searched")) == ["Edsger", "Alan", "Ada", "Grace"]
    assert found(client.get("/v1/x/searched?ordering=secrets")) == ["Edsger", "Alan", "Ada", "Grace"]


@pytest.mark.usefixtures("four")
@pytest.mark.parametrize("name", ["sort", "searches", "q"])
def test_parameter_unknown_to_all_filters_is_refused_by_name(client_of: Any, name: str) -> None:
    problem = refused(client_of().get(f"/v1/x/searched?search=ada&{name}=1"), 400, "validation_failed")

    assert [field["field"] for field in problem["error"]["fields"]] == [name]


@pytest.mark.usefixtures("four")
@pytest.mark.parametrize(
    "order", ["name", "-name", "email", "-email,name", "external_id", "-external_id", "external_id,-name"]
)
def test_pages_continue_in_the_requested_order(client_of: Any, order: str) -> None:
    client = client_of()
    whole = found(client.get(f"/v1/x/searched?ordering={order}"))

    pages: list[str] = []
    cursor = ""
    while True:
        page = client.get(f"/v1/x/searched?ordering={order}&limit=1{cursor}")
        pages += found(page)
        if not page.json["has_more"]:
            break
        cursor = f"&starting_after={page.json['next_cursor']}"

    assert len(whole) == 4
    assert pages == whole


def test_missing_or_foreign_cursor_is_refused_in_a_custom_order(world: Any, client_of: Any) -> None:
    foreign = make_customer(world.other_tenant(), name="Ada").public_id
    client = client_of()

    for cursor in (foreign, "cus_nonsense", ids.encode("cus", ids.new_id())):
        answer = client.get(f"/v1/x/searched?ordering=name&starting_after={cursor}")
        problem = refused(answer, 400, "validation_failed")
        assert [field["field"] for field in problem["error"]["fields"]] == ["starting_after"]


def test_the_openapi_document_has_the_parameters_of_every_filter() -> None:
    router = Router()
    router.register("customers", Searched, "searched")
    document = SchemaGenerator(patterns=[path("v1/", include(router.urls))]).get_schema(public=True)
    listed = document["paths"]["/v1/customers"]["get"]["parameters"]

    assert {"email", "search", "ordering", "limit", "starting_after"} <= {each.get("name") for each in listed}
