"""DRF's documented view behavior applies to our views, and to third-party ones under /v1 (docs/architecture.md, The request pipeline)."""

from typing import Any

import pytest
from django.test import override_settings
from rest_framework import views as drf_views
from rest_framework.response import Response
from rest_framework.test import APIClient, APIRequestFactory, force_authenticate

from apikeys.services import revoke_key
from core.api.access import Access
from core.api.checks import check_api_views
from core.api.operations import mounted_views
from core.principal import Principal
from core.tenancy import Tenant, tenant_context
from tests.contracts.problems import assert_common_headers
from tests.core.api import extension_viewsets
from tests.core.api.answers import logged, refused
from tests.core.api.conftest import FULL
from tests.core.api.extension_views import SEEN
from tests.factories import SYSTEM

pytestmark = pytest.mark.usefixtures("extended")


# --- The pipeline is DRF's -------------------------------------------------------------------------------------------


def test_nothing_mounted_overrides_dispatch() -> None:
    views = [mounted.view for mounted in mounted_views() if mounted.view is not None]

    assert len(views) > 40
    assert {view.dispatch for view in views} == {drf_views.APIView.dispatch}  # type: ignore[attr-defined]


@pytest.mark.parametrize("path", ["Described", "things", "function", "Guest"])
def test_request_user_and_auth_are_the_principal_and_its_grant(client_of: Any, path: str) -> None:
    client = client_of()

    answer = client.get(f"/v1/x/{path}")

    assert answer.status == 200
    assert answer.json["user"] == answer.json["pk"]
    assert answer.json["user"].startswith("key_")
    assert (answer.json["mode"], answer.json["scopes"]) == ("live", FULL)
    assert_common_headers(answer.headers)


@pytest.mark.parametrize("path", ["Described", "things", "function", "Guest"])
def test_every_kind_of_view_is_authenticated(
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


def test_wrong_credential_is_counted_once_for_one_request(api: Any) -> None:
    client = api("pm_live_wrong")

    left = [int(client.get("/v1/x/Described").headers["X-RateLimit-Remaining"]) for _ in range(3)]

    assert left == [19, 18, 17]


def test_formats_are_not_negotiated_before_authentication(api: Any) -> None:
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
    answer = extension_viewsets.Rows.as_view({"get": "list"})(request)
    assert answer.data["data"] == [{"name": "Grace"}]


# --- Authentication --------------------------------------------------------------------------------------------------


def test_get_authenticators_can_add_an_authenticator(client_of: Any, api: Any) -> None:
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


def test_view_may_accept_no_api_keys(api: Any) -> None:
    assert api().get("/v1/x/robots", headers={"X-Robot": "hello"}).json == {"user": "robot"}
    nobody = api().get("/v1/x/robots")
    assert (nobody.status, nobody.code) == (401, "missing_credentials")


@pytest.mark.parametrize("path", ["Broken", "BrokenOwnFormats", "BrokenGuest"])
def test_failing_authenticator_is_called_once(api: Any, path: str) -> None:
    failed = api().get(f"/v1/x/{path}")
    assert SEEN == ["asked"]
    banned = api().get(f"/v1/x/{path}", headers={"X-Robot": "banned"})

    assert SEEN == ["asked", "asked"]
    assert (failed.status, failed.code) == (500, "internal_error")
    assert (banned.status, banned.code, banned.json["detail"]) == (
        403,
        "not_permitted",
        "Robots are banned.",
    )


# --- Settings and checks ---------------------------------------------------------------------------------------------


def shouting_handler(raised: Exception, context: dict[str, Any]) -> Response:
    """An EXCEPTION_HANDLER of somebody's own."""
    return Response(
        {"shout": type(raised).__name__.upper(), "view": type(context["view"]).__name__}, status=418
    )


def test_drf_settings_are_read_lazily(settings: Any, client_of: Any, api: Any) -> None:
    client = client_of(scopes=["events:read"])
    ours = dict(settings.REST_FRAMEWORK)
    with override_settings(REST_FRAMEWORK={**ours, "EXCEPTION_HANDLER": f"{__name__}.shouting_handler"}):
        answer = client.get("/v1/x/Described")
        nobody = api().get("/v1/x/Described")

    assert (answer.status, answer.json) == (418, {"shout": "PERMISSIONDENIED", "view": "Described"})
    assert (nobody.status, nobody.json["shout"]) == (418, "NOTAUTHENTICATED")
    refused(client.get("/v1/x/Described"), 403, "insufficient_scope")


def test_system_checks_name_what_a_view_lacks() -> None:
    found = {(message.id, message.msg) for message in check_api_views(None) if message.id != "pomelo.E009"}

    assert found == {
        ("pomelo.E002", "GET /v1/x/scopeless declares no scope."),
        ("pomelo.E005", "/v1/x/Inverted has permission_classes without HasScope."),
        ("pomelo.E005", "/v1/x/robots has permission_classes without HasScope."),
        ("pomelo.E006", "/v1/x/robots does not authenticate by API key."),
        *(
            ("pomelo.W001", f"/v1/x/{name} runs without a tenant transaction and without Idempotency-Key.")
            for name in (
                "function",
                "decorated",
                "scopeless",
                "robots",
                "Guest",
                "BrokenGuest",
                "silent",
                "silent/<str:pk>",
            )
        ),
    }


def test_plain_drf_view_parses_json_as_the_api_does(client_of: Any) -> None:
    client = client_of()

    assert client.post("/v1/x/Guest", {"a": 1}).json == {"a": 1}
    broken = client.post("/v1/x/Guest", raw=b"{")
    refused(broken, 400, "invalid_request")
    text = client.post("/v1/x/Guest", raw=b"hello", content_type="text/plain")
    refused(text, 415, "unsupported_media_type")
