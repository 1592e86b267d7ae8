"""The three ways to send a credential, and the refusals (docs/architecture.md, Contracts)."""

import base64
from collections.abc import Callable
from typing import Any

import pytest

from apikeys import keys
from apikeys.services import IssuedKey
from core.api import versions
from tests.clients import ApiClient
from tests.factories import World

SCOPES = ["customers:read"]


def test_secret_works_as_bearer_basic_and_client_headers(
    world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]
) -> None:
    issued = issue_key(world.company, SCOPES)
    basic = base64.b64encode(f"{issued.client_id}:{issued.client_secret}".encode()).decode()
    for headers in (
        {"Authorization": f"Bearer {issued.client_secret}"},
        {"Authorization": f"bearer {issued.client_secret}"},
        {"Authorization": f"Basic {basic}"},
        {"X-Client-Id": issued.client_id, "X-Client-Secret": issued.client_secret},
        {"Authorization": f"Bearer {issued.client_secret}", "X-Client-Id": issued.client_id},
    ):
        answer = api().get("/v1/whoami", headers=headers)
        assert answer.status == 200, headers
        assert answer.json["key"] == {
            "client_id": issued.client_id,
            "name": "integration",
            "expires_at": None,
            "api_version": versions.newest().date,
        }
        assert answer.json["company"]["id"] == world.company.public_id
        assert answer.json["scopes"] == SCOPES


def test_each_mode_has_its_own_rows_and_reports_the_mode(
    world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]
) -> None:
    live, test = issue_key(world.company, SCOPES), issue_key(world.company, SCOPES, mode="test")
    assert live.client_secret.startswith("pm_live_")
    assert test.client_secret.startswith("pm_test_")
    assert api(live.client_secret).get("/v1/whoami").json["mode"] == "live"
    assert api(test.client_secret).get("/v1/whoami").json["mode"] == "test"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Client-Id": "key_01m7znvjkse8rs7sxdmpen2yp9"},
        {"Authorization": ""},
    ],
)
def test_request_without_credential_is_missing_credentials(
    api: Callable[..., ApiClient], headers: dict[str, Any]
) -> None:
    answer = api().get("/v1/whoami", headers=headers)
    assert (answer.status, answer.code) == (401, "missing_credentials")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def _made_up() -> str:
    return keys.generate("live").text


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer nonsense"},
        {"Authorization": "Bearer "},
        {"Authorization": "Digest abc"},
        {"Authorization": "Basic !!!"},
        {"Authorization": "Basic " + base64.b64encode(b"no-colon").decode()},
        {"Authorization": f"Bearer {_made_up()}"},
        {"Authorization": f"Bearer {'x' * 5000}"},
        {"Authorization": "Bearer pm_live_\u00e9"},
        {"X-Client-Id": "key_x", "X-Client-Secret": _made_up()},
        {"X-Client-Secret": _made_up()},
        {"Authorization": f"Bearer {_made_up()}", "X-Client-Secret": _made_up()},
    ],
)
def test_malformed_credential_is_invalid_credentials(
    api: Callable[..., ApiClient], headers: dict[str, Any]
) -> None:
    answer = api().get("/v1/whoami", headers=headers)
    assert (answer.status, answer.code) == (401, "invalid_credentials")
    assert answer.headers["RateLimit-Policy"] == '"address";q=20;w=60'


def test_valid_secret_with_a_wrong_client_id_is_refused(
    world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]
) -> None:
    issued, other = issue_key(world.company, SCOPES), issue_key(world.company, SCOPES)
    for client_id in (other.client_id, "key_\u00e9", "x"):
        answer = api().get(
            "/v1/whoami",
            headers={"X-Client-Id": client_id, "Authorization": f"Bearer {issued.client_secret}"},
        )
        assert (answer.status, answer.code) == (401, "invalid_credentials")


@pytest.mark.parametrize("encode", [str, lambda secret: secret.replace("_", "%5F")])
def test_secret_in_the_query_string_is_refused_even_with_a_valid_header(
    world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient], encode: Any
) -> None:
    issued = issue_key(world.company, SCOPES)
    answer = api(issued.client_secret).get(f"/v1/whoami?key={encode(issued.client_secret)}")
    assert (answer.status, answer.code) == (400, "credential_in_query")
    assert issued.client_secret.encode() not in answer.content


def test_missing_scope_is_403_insufficient_scope_and_names_both_sides(
    world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]
) -> None:
    issued = issue_key(world.company, SCOPES)
    answer = api(issued.client_secret).post("/v1/customers", {"name": "Ada"})
    assert (answer.status, answer.code) == (403, "insufficient_scope")
    assert answer.json["error"]["required_scopes"] == ["customers:write"]
    assert answer.json["error"]["granted_scopes"] == SCOPES
    assert api(issued.client_secret).get("/v1/customers").json["data"] == []
