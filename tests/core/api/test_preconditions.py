"""ETag, If-None-Match, If-Match and HEAD (RFC 9110 §8.8.3, §9.3.2, §13) prevent lost updates."""

from collections.abc import Callable
from typing import Any

import pytest

from apikeys.services import IssuedKey
from billing.models import Customer
from core.tenancy import tenant_context
from tests.clients import ApiClient
from tests.factories import World, make_customer
from tests.threads import all_at_once

SCOPES = ["customers:read", "customers:write", "webhooks:read", "webhooks:write", "events:read"]


@pytest.fixture
def client(world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]) -> Any:
    return api(issue_key(world.company, SCOPES).client_secret)


@pytest.fixture
def path(world: World) -> str:
    return f"/v1/customers/{make_customer(world.tenant(), name='Ada').public_id}"


def name_of(world: World, path: str) -> str:
    with tenant_context(world.tenant()):
        return Customer.by_public_id(path.rpartition("/")[2]).name


def test_object_has_one_etag_in_every_response(client: Any) -> None:
    created = client.post("/v1/customers", {"name": "Ada"})
    read = client.get(f"/v1/customers/{created.json['id']}")
    changed = client.patch(f"/v1/customers/{created.json['id']}", {"name": "Ada King"})
    again = client.get(f"/v1/customers/{created.json['id']}")
    assert created.headers["ETag"] == read.headers["ETag"]
    assert changed.headers["ETag"] == again.headers["ETag"] != read.headers["ETag"]
    assert "ETag" not in client.get("/v1/customers").headers


def test_matching_etag_gets_304_without_a_body(client: Any, path: str) -> None:
    tag = client.get(path).headers["ETag"]
    for header in (tag, f'"other", {tag}', f"W/{tag}", "*"):
        unchanged = client.get(path, headers={"If-None-Match": header})
        assert (unchanged.status, unchanged.content) == (304, b"")
        assert unchanged.headers["ETag"] == tag
        assert "RateLimit" in unchanged.headers
    assert client.get(path, headers={"If-None-Match": '"other"'}).status == 200


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_change_based_on_outdated_state_is_refused_and_changes_nothing(
    world: World, client: Any, path: str, method: str
) -> None:
    tag = client.get(path).headers["ETag"]
    assert client.patch(path, {"name": "Grace"}).status == 200
    body = {"name": "Ada King"} if method == "PATCH" else None
    refused = client.request(method, path, body, headers={"If-Match": tag})
    assert (refused.status, refused.code) == (412, "precondition_failed")
    assert name_of(world, path) == "Grace"
    # The refusal says the present tag, with which it works.
    done = client.request(method, path, body, headers={"If-Match": refused.headers["ETag"]})
    assert done.status in (200, 204)


def test_if_match_star_requires_only_that_the_object_exists(client: Any, path: str) -> None:
    assert client.patch(path, {"name": "Ada King"}, headers={"If-Match": "*"}).status == 200
    missing = client.patch(
        "/v1/customers/cus_01h455vb4pex5vsknk084sn02q", {"name": "x"}, headers={"If-Match": "*"}
    )
    assert missing.code == "not_found"


def test_if_match_is_refused_on_paths_without_a_single_object(client: Any) -> None:
    refused = client.post("/v1/customers", {"name": "Ada"}, headers={"If-Match": '"x"'})
    assert refused.code == "invalid_request"


def test_repeated_change_is_replayed_without_checking_preconditions(client: Any, path: str) -> None:
    headers = {"If-Match": client.get(path).headers["ETag"], "Idempotency-Key": "once"}
    first, second = (client.patch(path, {"name": "Ada King"}, headers=headers) for _ in range(2))
    assert (first.status, second.status) == (200, 200)
    assert second.headers["Idempotency-Replayed"] == "true"
    assert second.headers["ETag"] == first.headers["ETag"]


def test_concurrent_changes_with_one_etag_apply_only_once(client: Any, path: str) -> None:
    """Both have read the same state; the second waits for the first's row and then sees that it has changed."""
    tag = client.get(path).headers["ETag"]

    def change(number: int) -> int:
        answer = client.patch(path, {"name": f"Name {number}"}, headers={"If-Match": tag})
        return int(answer.status)

    assert sorted(all_at_once(4, change)) == [200, 412, 412, 412]


def test_response_with_a_secret_has_no_etag_and_the_endpoint_can_be_changed_by_its_own(client: Any) -> None:
    made = client.post("/v1/webhook_endpoints", {"url": "https://example.com/h", "events": ["customer.*"]})
    assert made.status == 201
    assert "ETag" not in made.headers
    path = f"/v1/webhook_endpoints/{made.json['id']}"
    tag = client.get(path).headers["ETag"]
    changed = client.patch(path, {"description": "Orders"}, headers={"If-Match": tag})
    assert changed.status == 200
    assert client.patch(path, {"description": "x"}, headers={"If-Match": tag}).status == 412


def test_head_responds_as_get_without_the_body(client: Any, path: str) -> None:
    for address in (path, "/v1/customers", "/v1/whoami"):
        head, get = client.request("HEAD", address), client.get(address)
        assert (head.status, head.content) == (get.status, b"")
        assert head.headers["Content-Length"] == get.headers["Content-Length"]
        assert head.headers.get("ETag") == get.headers.get("ETag")
