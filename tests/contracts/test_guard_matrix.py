"""Route × scope × company × mode: what the guard promises holds for every operation, also for ones not yet written."""

import json
from typing import Any

import pytest

from core.api.scopes import ANY_KEY, SCOPES
from core.values import ids
from tests.clients import ApiClient, random_address
from tests.contracts.operations import list_operations, sample_body, sample_id, sample_path, scopes_beside
from tests.contracts.problems import assert_common_headers, assert_problem
from tests.factories import World, make_key, make_world
from tests.isolation.ledger import digest

OPERATIONS = list_operations()
SCOPED = [operation for operation in OPERATIONS if operation.scopes != (ANY_KEY,)]
WITH_OBJECT = [operation for operation in OPERATIONS if operation.parameters]
named = pytest.mark.parametrize


@pytest.fixture(scope="module")
def two() -> World:
    """Two companies with room for many requests."""
    return make_world(tier="enterprise")


def client_with(company: Any, scopes: Any, mode: str = "live") -> Any:
    """Return a client whose key has exactly `scopes`."""
    return ApiClient(
        make_key(company, scopes=scopes, mode=mode, rate_limit=1000).client_secret, ip=random_address()
    )


def business(tenant: Any) -> Any:
    """The digest of everything a request could change: all but the trail and the keys' own record of being used."""
    return digest(tenant, without=("audit_", "apikeys_"))


def other_scopes(operation: Any) -> Any:
    """Every scope except the ones of which any is enough."""
    return [scope for scope in SCOPES if scope not in operation.scopes]


def test_there_are_operations() -> None:
    assert len(OPERATIONS) >= 20


@named("operation", OPERATIONS, ids=lambda found: found.name)
def test_without_a_credential_it_answers_401_and_does_nothing(two: World, operation: Any) -> None:
    tenant = two.tenant()
    path = sample_path(operation, tenant)
    body = sample_body(operation, tenant)
    before = business(tenant)

    answer = ApiClient(ip=random_address()).request(operation.method, path, body)

    problem = assert_problem(
        answer.status, answer.headers, answer.content, expected=(401, "missing_credentials")
    )
    assert_common_headers(answer.headers)
    assert answer.headers["RateLimit-Policy"].startswith('"address"')
    assert set(problem["error"]) == {"code", "message"}
    assert business(tenant) == before


@named("operation", SCOPED, ids=lambda found: found.name)
def test_every_scope_but_its_own_is_not_enough_and_does_nothing(two: World, operation: Any) -> None:
    """ "Each API endpoint checks required scope" """
    tenant = two.tenant()
    path = sample_path(operation, tenant)
    body = sample_body(operation, tenant)
    granted = other_scopes(operation)
    client = client_with(two.company, granted)
    before = business(tenant)

    answer = client.request(operation.method, path, body)

    problem = assert_problem(
        answer.status, answer.headers, answer.content, expected=(403, "insufficient_scope")
    )
    assert_common_headers(answer.headers)
    assert problem["error"]["required_scopes"] == list(operation.scopes)
    assert problem["error"]["granted_scopes"] == granted
    assert business(tenant) == before


@named(
    ("operation", "scope"),
    [(operation, scope) for operation in SCOPED for scope in operation.scopes],
    ids=lambda part: part if isinstance(part, str) else part.name,
)
def test_one_of_its_scopes_is_enough(two: World, operation: Any, scope: Any) -> None:
    tenant = two.tenant()
    path = sample_path(operation, tenant)

    client = client_with(two.company, [scope, *scopes_beside(operation)])
    answer = client.request(operation.method, path, sample_body(operation, tenant))

    # The object's state may still forbid it (409), and a channel's own scope does not fit every message.
    assert answer.status < 400 or answer.status == 409 or scope in ("email:send", "sms:send"), answer
    assert_common_headers(answer.headers)


@named("operation", WITH_OBJECT, ids=lambda found: found.name)
def test_objects_of_the_other_company_and_mode_answer_like_missing_ones(two: World, operation: Any) -> None:
    client = client_with(two.company, list(SCOPES))
    body = sample_body(operation, two.tenant())
    seen = set()

    def answer_for(public_id: Any) -> None:
        path = operation.path(public_id)
        answer = client.request(operation.method, path, body)
        problem = assert_problem(answer.status, answer.headers, answer.content, expected=(404, "not_found"))
        assert_common_headers(answer.headers)
        assert problem.pop("instance") == path
        problem.pop("request_id")
        seen.add(json.dumps(problem, sort_keys=True))

    for tenant in (two.tenant("test"), two.other_tenant(), two.other_tenant("test")):
        public_id = sample_id(operation, tenant)
        before = business(tenant)
        answer_for(public_id)
        assert business(tenant) == before
    answer_for(ids.encode(public_id.partition("_")[0], ids.new_id()))
    assert len(seen) == 1
