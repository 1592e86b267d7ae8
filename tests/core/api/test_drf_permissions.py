"""Our permissions and throttles together with third-party ones in a view (docs/architecture.md, The request pipeline)."""

from typing import Any

import pytest

from apikeys.attempts import FAILURES_PER_MINUTE
from apikeys.services import revoke_key
from audit.models import AuditEntry
from core.tenancy import tenant_context
from tests.core.api.answers import logged, names, refused
from tests.core.api.conftest import FULL
from tests.factories import SYSTEM, make_customer

pytestmark = pytest.mark.usefixtures("extended")


# --- Permissions -----------------------------------------------------------------------------------------------------


def test_third_party_permission_is_checked_and_its_message_returned(world: Any, client_of: Any) -> None:
    assert client_of("Ada").get("/v1/x/AdaOnly").status == 200

    answer = client_of("Eve").get("/v1/x/AdaOnly")

    found = refused(answer, 403, "not_permitted")
    assert found["detail"] == "Only Ada may do this."
    step = logged(world, answer).trace[-1]
    assert (step["check"], step["passed"], step["detail"]) == ("permission", False, "Only Ada may do this.")


def test_scope_is_checked_before_further_permissions(client_of: Any) -> None:
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


def test_object_permissions_are_checked_and_roll_back(world: Any, client_of: Any) -> None:
    ada, eve = (make_customer(world.tenant(), name=name).public_id for name in ("Ada", "Eve"))
    client = client_of()

    assert client.get(f"/v1/x/of_ada/{ada}").json == {"name": "Ada"}
    for method in ("GET", "DELETE"):
        answer = client.request(method, f"/v1/x/of_ada/{eve}")
        assert refused(answer, 403, "not_permitted")["detail"] == "This is not Ada's."
    assert names(world) == ["Ada", "Eve"]


def test_view_without_a_scope_refuses_every_key(client_of: Any) -> None:
    refused(client_of(scopes=FULL).get("/v1/x/scopeless"), 403, "not_permitted")


# --- Throttles -------------------------------------------------------------------------------------------------------


def test_throttle_classes_replace_the_policies_but_not_authentication(
    world: Any, issue_key: Any, api: Any
) -> None:
    issued = issue_key(world.company, FULL, rate_limit=1)
    client = api(issued.client_secret)

    assert [client.get("/v1/x/Unthrottled").status for _ in range(3)] == [200] * 3
    with tenant_context(world.tenant()):
        revoke_key(key=issued.key, actor=SYSTEM)
    assert client.get("/v1/x/Unthrottled").code == "key_revoked"


def test_third_party_throttle_works(world: Any, client_of: Any) -> None:
    client = client_of()
    first, second = (client.get("/v1/x/OtherThrottle") for _ in range(2))

    assert (first.status, second.status) == (200, 429)
    assert refused(second, 429, "rate_limited")["error"]["policies"] == []
    assert 3500 < int(second.headers["Retry-After"]) <= 3600
    assert second.headers["RateLimit"].startswith('"key";r=58')
    assert logged(world, second).trace[-1]["check"] == "rate_limit"


def test_new_policy_needs_a_class_and_a_tier_limit(client_of: Any) -> None:
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


def test_get_throttles_can_depend_on_the_caller(client_of: Any) -> None:
    assert client_of("Ada").get("/v1/x/ByCaller").headers["RateLimit-Policy"] == '"key";q=60;w=60'
    assert '"company"' in client_of("Eve").get("/v1/x/ByCaller").headers["RateLimit-Policy"]


def test_unchecked_policy_is_an_error_and_admits_nobody(client_of: Any) -> None:
    refused(client_of().get("/v1/x/Fickle"), 500, "internal_error")


def test_refusals_by_an_unlimited_view_are_audited_up_to_a_limit(world: Any, client_of: Any) -> None:
    client = client_of(scopes=["events:read"])

    answers = {client.get("/v1/x/Unthrottled").code for _ in range(FAILURES_PER_MINUTE + 10)}

    assert answers == {"insufficient_scope"}
    with tenant_context(world.tenant()):
        assert AuditEntry.objects.filter(action="api_key.refused").count() == FAILURES_PER_MINUTE
