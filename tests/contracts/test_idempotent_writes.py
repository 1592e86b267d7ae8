"""Every write of the API is idempotent by construction, also one that is not yet written (docs/architecture.md, Idempotency)."""

import secrets
from typing import Any

import pytest

from tests.clients import ApiClient, random_address
from tests.contracts.operations import (
    WRITES,
    list_operations,
    sample_body,
    sample_path,
    scopes_beside,
)
from tests.factories import World, make_key, make_world
from tests.isolation.ledger import digest

OPERATIONS = [operation for operation in list_operations() if operation.method in WRITES]


@pytest.fixture(scope="module")
def world() -> World:
    """A company with room for many requests."""
    return make_world(tier="enterprise")


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda found: found.name)
def test_repeated_write_returns_the_first_response(world: World, operation: Any) -> None:
    """ "All writes accept an Idempotency-Key header so retries can't double-create." """
    tenant = world.tenant()
    path = sample_path(operation, tenant)
    body = sample_body(operation, tenant)
    key = make_key(world.company, scopes=[*operation.scopes[:1], *scopes_beside(operation)], rate_limit=1000)
    client = ApiClient(key.client_secret, ip=random_address())
    once = secrets.token_hex(8)

    first = client.request(operation.method, path, body, idempotency_key=once)
    assert first.status < 500, first
    before = business(tenant)
    second = client.request(operation.method, path, body, idempotency_key=once)

    assert second.status == first.status
    if b'"secret"' in first.content:  # which is shown once
        assert second.json == {**first.json, "secret": None}
    else:
        assert second.content == first.content
    assert second.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers
    assert business(tenant) == before


def business(tenant: Any) -> Any:
    """The digest of everything a request could change: all but the trail and the keys' own record of being used."""
    return digest(tenant, without=("audit_", "apikeys_"))
