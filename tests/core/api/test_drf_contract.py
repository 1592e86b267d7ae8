"""What DRF's documentation says of its views is true of ours, and of another package's under /v1 (DESIGN §4)."""

from typing import Any

import pytest
from django.test import override_settings
from rest_framework import views as drf_views
from rest_framework.response import Response
from rest_framework.test import APIClient, APIRequestFactory, force_authenticate

from apikeys.services import revoke_key
from audit.ingest.buffer import BUFFER
from audit.ingest.writer import Writer
from audit.models import AuditEntry, RequestLog
from billing.models import Customer
from core import ids
from core.api.access import Access
from core.api.checks import check_api_views
from core.api.operations import mounted_views
from core.models import OutboxEvent
from core.principal import Principal
from core.tenancy import Tenant, tenant_context
from tests.clients import ApiAnswer
from tests.contracts.problems import assert_common_headers, assert_problem
from tests.core.api import extension_views
from tests.core.api.conftest import FULL
from tests.core.api.extension_views import SEEN
from tests.factories import SYSTEM, make_customer

pytestmark = pytest.mark.usefixtures("extended")


def refused(answer: ApiAnswer, status: int, code: str) -> dict[str, Any]:
    found: dict[str, Any] = assert_problem(
        answer.status, answer.headers, answer.content, expected=(status, code)
    )
    assert_common_headers(answer.headers)
    return found


def names(world: Any) -> list[str]:
    with tenant_context(world.tenant()):
        return sorted(Customer.objects.values_list("name", flat=True))


def logged(world: Any, answer: ApiAnswer) -> RequestLog:
    assert BUFFER.flush()
    Writer("test").drain(seconds=30)
    with tenant_context(world.tenant()):
        return RequestLog.objects.get(id=ids.decode("req", answer.headers["X-Request-Id"]))


# --- The pipeline is DRF's ------------------------------------------------------------------------------------------


def test_nothing_mounted_overrides_dispatch() -> None:
    views = [mounted.view for mounted in mounted_views() if mounted.view is not None]

    assert len(views) > 40
    assert {view.dispatch for view in views} == {drf_views.APIView.dispatch}  # type: ignore[attr-defined]


@pytest.mark.parametrize("path", ["Described", "things", "function", "Guest"])
def test_user_and_auth_are_the_caller_and_what_it_may_do(client_of: Any, path: str) -> None:
    client = client_of()

    answer = client.get(f"/v1/x/{path}")

    assert answer.status == 200
    assert answer.json["user"] == answer.json["pk"]
    assert answer.json["user"].startswith("key_")
    assert (answer.json["mode"], answer.json["scopes"]) == ("live", FULL)
    assert_common_headers(answer.headers)


@pytest.mark.parametrize("path", ["Described", "things", "function", "Guest"])
def test_every_kind_of_view_has_the_guard(
    world: Any, client_of: Any, api: Any, issue_key: Any, path: str
) -> None:
    url = f"/v1/x/{path}"
    revoked = issue_key(world.company, FULL)
    with tenant_context(world.tenant()):
        revoke_key(key=revoked.key, actor=SYSTEM)

    refused(api().get(url), 401, "missing_credentials")
    refused(api(revoked.client_secret).get(url), 401, "key_revoked")
    elsewhere = client_of(allowed_networks=["192.0.2.1"]).get(url)
    refused(elsewhere, 403, "ip_not_allowed")
    wrong = client_of(scopes=["events:read"]).get(url)
    assert refused(wrong, 403, "insufficient_scope")["error"]["granted_scopes"] == ["events:read"]
    busy = client_of(rate_limit=1)
    assert busy.get(url).status == 200
    limited = busy.get(url)
    assert refused(limited, 429, "rate_limited")["error"]["policies"] == ["key"]
    assert int(limited.headers["Retry-After"]) >= 1
    refused(client_of().request("PUT", url, {}), 405, "method_not_allowed")
    refused(client_of().get(url, headers={"Accept": "text/html"}), 406, "not_acceptable")
    assert logged(world, limited).trace[-1]["check"] == "rate_limit"


def test_a_wrong_credential_is_counted_once_for_one_request(api: Any) -> None:
    client = api("pm_live_wrong")

    left = [int(client.get("/v1/x/Described").headers["X-RateLimit-Remaining"]) for _ in range(3)]

    assert left == [19, 18, 17]


def test_nobody_learns_formats_before_a_credential(api: Any) -> None:
    for path in ("Described", "Guest", "Formats"):
        refused(api().get(f"/v1/x/{path}", headers={"Accept": "text/html"}), 401, "missing_credentials")


def test_drfs_own_client_and_request_factory_work(world: Any, issue_key: Any) -> None:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {issue_key(world.company, FULL).client_secret}")
    made = client.post("/v1/customers", {"name": "Grace"}, format="json")
    assert (made.status_code, made.json()["name"]) == (201, "Grace")

    class Everything(Access):
        tenant = Tenant(world.company.id, "live")
        scopes = frozenset(FULL)

        def allows(self, required: tuple[str, ...]) -> bool:
            return True

        def conclude(self) -> None: ...

        def admits(self, policy: str) -> bool:
            return True

        def wait(self, policy: str) -> int:
            return 0

        def explain_denial(self, required: Any, message: str) -> Any: ...

        def explain_throttling(self, wait: float | None) -> Any: ...

    request = APIRequestFactory().get("/v1/x/rows")
    force_authenticate(request, Principal(kind="key", id="key_1", name="Ada"), Everything())
    answer = extension_views.Rows.as_view({"get": "list"})(request)
    assert answer.data["data"] == [{"name": "Grace"}]


# --- Permissions ----------------------------------------------------------------------------------------------------


def test_a_third_partys_permission_is_asked_and_its_message_told(world: Any, client_of: Any) -> None:
    assert client_of("Ada").get("/v1/x/AdaOnly").status == 200

    answer = client_of("Eve").get("/v1/x/AdaOnly")

    found = refused(answer, 403, "not_permitted")
    assert found["detail"] == "Only Ada may do this."
    step = logged(world, answer).trace[-1]
    assert (step["check"], step["passed"], step["detail"]) == ("permission", False, "Only Ada may do this.")


def test_the_scope_is_asked_before_a_further_permission(client_of: Any) -> None:
    refused(client_of("Eve", ["events:read"]).get("/v1/x/AdaOnly"), 403, "insufficient_scope")


@pytest.mark.parametrize(
    ("path", "name", "scopes", "expected"),
    [
        ("AdaOrScope", "Ada", ["events:read"], None),
        ("AdaOrScope", "Eve", ["customers:read"], None),
        ("AdaOrScope", "Eve", ["events:read"], "insufficient_scope"),
        ("AdaAndScope", "Ada", ["customers:read"], None),
        ("AdaAndScope", "Eve", ["customers:read"], "not_permitted"),
        ("AdaAndScope", "Ada", ["events:read"], "insufficient_scope"),
        ("NotAda", "Eve", ["customers:read"], None),
        ("NotAda", "Ada", ["customers:read"], "not_permitted"),
        ("Authenticated", "Eve", ["customers:read"], None),
        ("StaffOnly", "Eve", ["customers:read"], "not_permitted"),
    ],
)
def test_permissions_are_composed_with_drfs_operators(
    client_of: Any, path: str, name: str, scopes: list[str], expected: str | None
) -> None:
    answer = client_of(name, scopes).get(f"/v1/x/{path}")

    assert (answer.status, answer.code) == ((200, None) if expected is None else (403, expected))


def test_get_permissions_decides_by_request(client_of: Any) -> None:
    eve = client_of("Eve")

    assert eve.get("/v1/x/ByMethod").status == 200
    refused(eve.post("/v1/x/ByMethod", {}), 403, "not_permitted")
    assert client_of("Ada").post("/v1/x/ByMethod", {}).status == 201


def test_permissions_for_an_object_are_checked_and_take_the_transaction_back(
    world: Any, client_of: Any
) -> None:
    ada, eve = (make_customer(world.tenant(), name=name).public_id for name in ("Ada", "Eve"))
    client = client_of()

    assert client.get(f"/v1/x/of_ada/{ada}").json == {"name": "Ada"}
    for method in ("GET", "DELETE"):
        answer = client.request(method, f"/v1/x/of_ada/{eve}")
        assert refused(answer, 403, "not_permitted")["detail"] == "This is not Ada's."
    assert names(world) == ["Ada", "Eve"]


def test_a_view_without_a_scope_refuses_every_key(client_of: Any) -> None:
    refused(client_of(scopes=FULL).get("/v1/x/scopeless"), 403, "not_permitted")


# --- Throttles ------------------------------------------------------------------------------------------------------


def test_throttle_classes_replace_the_policies_and_never_the_guard(
    world: Any, issue_key: Any, api: Any
) -> None:
    issued = issue_key(world.company, FULL, rate_limit=1)
    client = api(issued.client_secret)

    assert [client.get("/v1/x/Unthrottled").status for _ in range(3)] == [200] * 3
    with tenant_context(world.tenant()):
        revoke_key(key=issued.key, actor=SYSTEM)
    assert client.get("/v1/x/Unthrottled").code == "key_revoked"


def test_another_throttle_of_drf_works_beside_ours(world: Any, client_of: Any) -> None:
    client = client_of()
    first, second = (client.get("/v1/x/OtherThrottle") for _ in range(2))

    assert (first.status, second.status) == (200, 429)
    assert refused(second, 429, "rate_limited")["error"]["policies"] == []
    assert 3500 < int(second.headers["Retry-After"]) <= 3600
    assert second.headers["RateLimit"].startswith('"key";r=58')
    assert logged(world, second).trace[-1]["check"] == "rate_limit"


def test_a_new_policy_is_a_class_and_a_number_of_the_tier(client_of: Any) -> None:
    client = client_of(rate_limit=60)

    read = client.get("/v1/x/NewPolicy")
    made = client.post("/v1/x/NewPolicy", {})

    assert "exports" not in read.headers["RateLimit-Policy"]
    quota = client.get("/v1/whoami").json["limits"]["exports"]
    assert f'"exports";q={quota};w=60' in made.headers["RateLimit-Policy"]
    assert f'"exports";r={quota - 1}' in made.headers["RateLimit"]
    for _ in range(quota - 1):
        assert client.post("/v1/x/NewPolicy", {}).status == 201
    assert client.post("/v1/x/NewPolicy", {}).json["error"]["policies"] == ["exports"]
    assert client.get("/v1/x/NewPolicy").status == 200


def test_get_throttles_may_ask_who_calls(client_of: Any) -> None:
    assert client_of("Ada").get("/v1/x/ByCaller").headers["RateLimit-Policy"] == '"key";q=60;w=60'
    assert '"company"' in client_of("Eve").get("/v1/x/ByCaller").headers["RateLimit-Policy"]


def test_a_policy_that_was_not_taken_from_is_an_error_and_lets_nobody_pass(client_of: Any) -> None:
    refused(client_of().get("/v1/x/Fickle"), 500, "internal_error")


# --- Authentication -------------------------------------------------------------------------------------------------


def test_get_authenticators_adds_another_way_in(client_of: Any, api: Any) -> None:
    by_key = client_of().get("/v1/x/KeyOrRobot")
    by_robot = api().get("/v1/x/KeyOrRobot", headers={"X-Robot": "hello"})
    wrong = api().get("/v1/x/KeyOrRobot", headers={"X-Robot": "bye"})

    assert by_key.json["by"] == "ApiKeyAuthentication"
    assert by_robot.json == {"user": "robot", "by": "RobotAuthentication"}
    assert (wrong.status, wrong.code, wrong.json["detail"]) == (401, "invalid_credentials", "No such robot.")
    assert (wrong.headers["WWW-Authenticate"], api().get("/v1/x/KeyOrRobot").code) == (
        "Robot",
        "missing_credentials",
    )


def test_a_view_may_know_no_keys_at_all(api: Any) -> None:
    assert api().get("/v1/x/robots", headers={"X-Robot": "hello"}).json == {"user": "robot"}
    nobody = api().get("/v1/x/robots")
    assert (nobody.status, nobody.code) == (401, "missing_credentials")


# --- initial, exceptions, answers -----------------------------------------------------------------------------------


def test_initial_runs_after_the_guard_and_before_the_handler(client_of: Any, api: Any) -> None:
    assert client_of("Ada").get("/v1/x/Initial").json == {"greeting": "Hello, Ada"}
    refusal = client_of().get("/v1/x/Initial", headers={"X-Refuse": "1"})
    assert refused(refusal, 403, "not_permitted")["detail"] == "Not before noon."
    refused(api().get("/v1/x/Initial"), 401, "missing_credentials")


@pytest.mark.parametrize("key", [None, "once"])
def test_handle_exception_has_the_last_word_and_a_status_of_ones_own_is_kept(
    world: Any, client_of: Any, key: str | None
) -> None:
    client = client_of()

    answer = client.post("/v1/x/Handling", {"name": "Ada"}, idempotency_key=key)

    assert (answer.status, answer.code) == (409, "refused")
    assert answer.json["detail"] == "Somebody else was faster."
    assert_common_headers(answer.headers)
    assert answer.headers["X-Handled"] == "Conflict"
    assert names(world) == []
    again = client.post("/v1/x/Handling", {"name": "Ada"}, idempotency_key=key)
    assert (again.status, again.headers.get("Idempotency-Replayed")) == (409, "true" if key else None)


def test_finalize_response_runs_once_and_may_change_what_is_rendered(client_of: Any) -> None:
    client = client_of()

    read = client.get("/v1/x/Wrapping")
    made = client.post("/v1/x/Wrapping", {}, idempotency_key="envelope")
    replayed = client.post("/v1/x/Wrapping", {}, idempotency_key="envelope")

    assert (read.json, read.headers["X-Final"]) == ({"enveloped": {"n": 0}}, "yes")
    assert made.json == {"enveloped": {"n": 1}}
    assert (replayed.content, replayed.headers["Idempotency-Replayed"]) == (made.content, "true")
    assert SEEN == [200, 201]


@pytest.mark.parametrize(
    ("status", "key", "calls"),
    [(422, None, 2), (422, "stored", 1), (400, "not stored", 2), (503, "neither", 2), (201, "made", 1)],
)
def test_an_error_that_is_returned_takes_the_rows_back_and_keeps_status_and_body(
    world: Any, client_of: Any, status: int, key: str | None, calls: int
) -> None:
    client = client_of()

    answers = [
        client.post("/v1/x/Returned", {"name": "Ada", "status": status}, idempotency_key=key)
        for _ in range(2)
    ]

    assert [(answer.status, answer.json) for answer in answers] == [(status, {"sorry": "no"})] * 2
    assert answers[0].headers["X-Own"] == "kept"
    assert len(SEEN) == calls
    assert names(world) == (["Ada"] if status < 400 else [])


@pytest.mark.parametrize("key", [None, "once"])
def test_an_answer_that_cannot_be_rendered_takes_the_rows_back(
    world: Any, client_of: Any, key: str | None
) -> None:
    refused(client_of().post("/v1/x/Unrenderable", {}, idempotency_key=key), 500, "internal_error")

    assert names(world) == []


def test_renderers_parsers_and_versioning_are_negotiated_as_drf_does(client_of: Any) -> None:
    client = client_of()

    plain = client.get("/v1/x/Formats", headers={"Accept": "text/plain; version=2"})
    json = client.get("/v1/x/Formats", headers={"Accept": "application/json; version=3"})

    assert (plain.content, plain.headers["Content-Type"]) == (
        b"format=txt\nversion=2",
        "text/plain; charset=utf-8",
    )
    assert "Accept" in plain.headers["Vary"]
    assert json.json == {"format": "json", "version": "3"}
    refused(client.get("/v1/x/Formats", headers={"Accept": "image/png"}), 406, "not_acceptable")


def test_a_form_is_parsed_where_a_view_takes_forms_and_has_a_fingerprint_of_its_bytes(
    world: Any, issue_key: Any
) -> None:
    client = APIClient()
    secret = issue_key(world.company, FULL).client_secret
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}", HTTP_IDEMPOTENCY_KEY="form")
    form = "application/x-www-form-urlencoded"

    made = client.post("/v1/x/Formats", "name=Ada", content_type=form)
    again = client.post("/v1/x/Formats", "name=Ada", content_type=form)
    other = client.post("/v1/x/Formats", "name=Eve", content_type=form)

    assert (made.status_code, made.json()) == (201, {"name": "Ada"})
    assert (again.content, again.headers["Idempotency-Replayed"]) == (made.content, "true")
    assert (other.status_code, other.json()["error"]["code"]) == (422, "idempotency_key_reused")
    assert client.post("/v1/customers", "name=Ada", content_type=form).status_code == 415
    assert SEEN == ["called"]


# --- ViewSets, actions, functions -----------------------------------------------------------------------------------


def test_an_action_has_its_own_scopes_by_method(client_of: Any) -> None:
    reader, writer = client_of(scopes=["events:read"]), client_of(scopes=["audit:read"])

    assert reader.get("/v1/x/things/7/parts").json == {"action": "parts", "id": "7"}
    assert writer.post("/v1/x/things/7/parts", {}).status == 200
    found = refused(reader.post("/v1/x/things/7/parts", {}), 403, "insufficient_scope")
    assert found["error"]["required_scopes"] == ["charges:write", "audit:read"]
    refused(writer.get("/v1/x/things/7/parts"), 403, "insufficient_scope")
    refused(reader.get("/v1/x/things"), 403, "insufficient_scope")


def test_an_action_has_its_own_throttles_and_permissions(client_of: Any) -> None:
    answer = client_of("Ada", ["events:read"]).get("/v1/x/things/ada")

    assert answer.json == {"action": "ada"}
    assert answer.headers["RateLimit-Policy"].startswith('"company"')
    refused(client_of("Eve", ["events:read"]).get("/v1/x/things/ada"), 403, "not_permitted")


def test_an_unbound_method_of_a_viewset_is_405_with_what_is_bound(client_of: Any) -> None:
    answer = client_of().request("DELETE", "/v1/x/things")

    refused(answer, 405, "method_not_allowed")
    assert answer.headers["Allow"] == "GET, POST, HEAD, OPTIONS"
    options = client_of(scopes=["events:read"]).request("OPTIONS", "/v1/x/things")
    assert (options.status, options.headers["Allow"]) == (204, "GET, POST, HEAD, OPTIONS")


def test_the_pages_of_a_viewset_are_the_apis_own(world: Any, client_of: Any) -> None:
    for name in ("one", "two"):
        make_customer(world.tenant(), name=name)
    make_customer(world.other_tenant(), name="foreign")
    client = client_of()

    page = client.get("/v1/x/rows?limit=1")
    rest = client.get(f"/v1/x/rows?starting_after={page.json['next_cursor']}")

    assert (page.json["data"], page.json["has_more"]) == ([{"name": "two"}], True)
    assert (rest.json["data"], rest.json["has_more"]) == ([{"name": "one"}], False)
    refused(client.get("/v1/x/rows?filter=none"), 400, "validation_failed")


def test_an_ordinary_modelviewset_is_guarded_isolated_and_published(world: Any, client_of: Any) -> None:
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


def test_one_that_would_publish_nothing_cannot_start() -> None:
    found = {message.msg for message in check_api_views(None) if message.id == "pomelo.E009"}

    assert found == {
        "/v1/x/silent changes rows by DRF's perform_create, and nobody would hear of it.",
        "/v1/x/silent/<str:pk> changes rows by DRF's perform_update, and nobody would hear of it.",
        "/v1/x/silent/<str:pk> changes rows by DRF's perform_destroy, and nobody would hear of it.",
        "/v1/x/undeclared publishes idempotencyrecord.created, which no app declares.",
        "/v1/x/undeclared/<str:id> publishes idempotencyrecord.updated, which no app declares.",
        "/v1/x/undeclared/<str:id> publishes idempotencyrecord.deleted, which no app declares.",
    }


def test_a_decorated_function_has_what_its_decorators_say(client_of: Any) -> None:
    ada = client_of("Ada", ["events:read"])

    assert ada.get("/v1/x/decorated").headers["RateLimit-Policy"].startswith('"company"')
    assert ada.post("/v1/x/decorated", {}).json == {"name": "Ada"}
    refused(client_of("Eve").get("/v1/x/decorated"), 403, "not_permitted")
    assert client_of(scopes=["audit:read"]).get("/v1/x/function").status == 200
    refused(client_of(scopes=["events:read"]).get("/v1/x/function"), 403, "insufficient_scope")


# --- Settings and checks --------------------------------------------------------------------------------------------


def shouting_handler(raised: Exception, context: dict[str, Any]) -> Response:
    """An EXCEPTION_HANDLER of somebody's own."""
    return Response(
        {"shout": type(raised).__name__.upper(), "view": type(context["view"]).__name__}, status=418
    )


def test_the_settings_of_drf_are_read_when_it_reads_them(settings: Any, client_of: Any, api: Any) -> None:
    client = client_of(scopes=["events:read"])
    ours = dict(settings.REST_FRAMEWORK)
    with override_settings(REST_FRAMEWORK={**ours, "EXCEPTION_HANDLER": f"{__name__}.shouting_handler"}):
        answer = client.get("/v1/x/Described")
        nobody = api().get("/v1/x/Described")

    assert (answer.status, answer.json) == (418, {"shout": "PERMISSIONDENIED", "view": "Described"})
    assert (nobody.status, nobody.json["shout"]) == (418, "NOTAUTHENTICATED")
    refused(client.get("/v1/x/Described"), 403, "insufficient_scope")


def test_the_checks_name_what_a_view_lacks() -> None:
    found = {(message.id, message.msg) for message in check_api_views(None) if message.id != "pomelo.E009"}

    assert found == {
        ("pomelo.E002", "GET /v1/x/scopeless names no scope."),
        ("pomelo.E005", "/v1/x/Inverted has permission_classes without HasScope."),
        ("pomelo.E005", "/v1/x/robots has permission_classes without HasScope."),
        ("pomelo.E006", "/v1/x/robots authenticates nobody by API key."),
        *(
            ("pomelo.W001", f"/v1/x/{name} runs without a tenant transaction and without Idempotency-Key.")
            for name in ("function", "decorated", "scopeless", "robots", "Guest", "silent", "silent/<str:pk>")
        ),
    }


def test_a_guest_parses_as_the_api_does(client_of: Any) -> None:
    client = client_of()

    assert client.post("/v1/x/Guest", {"a": 1}).json == {"a": 1}
    broken = client.post("/v1/x/Guest", raw=b"{")
    refused(broken, 400, "invalid_request")
    text = client.post("/v1/x/Guest", raw=b"hello", content_type="text/plain")
    refused(text, 415, "unsupported_media_type")
