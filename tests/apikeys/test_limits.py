"""Rate limits as seen by a client: policies, headers, tiers, overrides (docs/architecture.md, Limits, requirement "Rate limiting")."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.settings import api_settings

from accounts.models import Company
from apikeys.services import IssuedKey
from billing.models import Customer
from billing.services.tiers import change_tier
from core.api.operations import mounted_views
from core.tenancy import tenant_context
from tests.clients import ApiClient
from tests.factories import SYSTEM, World, make_world

NAMES = ("RateLimit-Policy", "RateLimit", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")


@pytest.mark.parametrize(("tier", "limit"), [("starter", 60), ("pro", 300), ("enterprise", 1000)])
def test_keys_of_a_company_share_its_tier_limit(
    issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient], tier: str, limit: int
) -> None:
    world = make_world(tier=tier)
    first, second = (issue_key(world.company, rate_limit=5000) for _ in range(2))
    answer = api(first.client_secret).get("/v1/whoami")
    policies = by_policy(answer.headers["RateLimit-Policy"])
    assert policies["key"] == policies["company"] == f"q={limit};w=60"
    answer = api(second.client_secret).get("/v1/whoami")
    left = by_policy(answer.headers["RateLimit"])
    assert left["key"].startswith(f"r={limit - 1};t=")
    # The first key's request is gone from it too, but for what has grown back meanwhile.
    assert int(left["company"].partition(";")[0].removeprefix("r=")) < limit


def by_policy(header: str) -> dict[str, str]:
    """Return the parameters of each policy in a rate-limit header. Fails for a header that is no such list."""
    items = [re.fullmatch(r'"([a-z-]+)";([a-z]+=\d+(?:;[a-z]+=\d+)*)', item) for item in header.split(", ")]
    assert all(items), header
    return dict(item.groups() for item in items if item)


def test_every_endpoint_counts_for_the_default_policies() -> None:
    """What a view counts for comes on top: a view that lists the defaults itself would miss a new one."""
    defaults = set(api_settings.DEFAULT_THROTTLE_CLASSES)
    counted = {
        f"{method} /{mounted.route}": set(mounted.throttles(method))
        for mounted in mounted_views()
        for method in mounted.methods
    }

    assert len(counted) > 80
    assert [operation for operation, policies in counted.items() if not defaults <= policies] == []


def test_more_keys_do_not_raise_the_limit(
    world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]
) -> None:
    clients = [api(issue_key(world.company).client_secret) for _ in range(4)]
    answers = [clients[index % 4].get("/v1/whoami") for index in range(100)]
    admitted = [answer for answer in answers if answer.status == 200]
    refused = [answer for answer in answers if answer.status == 429]
    assert 60 <= len(admitted) <= 75
    assert len(admitted) + len(refused) == 100
    assert refused[-1].json["error"]["policies"] == ["company"]
    # The other mode has a bucket of its own.
    assert api(issue_key(world.company, mode="test").client_secret).get("/v1/whoami").status == 200


def test_request_over_the_key_limit_gets_429_with_retry_after_and_is_not_executed(
    world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]
) -> None:
    issued = issue_key(world.company, ["customers:read", "customers:write"], rate_limit=2)
    client = api(issued.client_secret)
    assert [client.post("/v1/customers", {"name": "Ada"}).status for _ in range(2)] == [201, 201]
    refused = client.post("/v1/customers", {"name": "Ada"})
    assert (refused.status, refused.code) == (429, "rate_limited")
    assert 1 <= int(refused.headers["Retry-After"]) <= 30
    assert refused.json["error"]["policies"] == ["key"]
    with tenant_context(world.tenant()):
        assert Customer.objects.count() == 2


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/whoami", 200),
        ("GET", "/v1/nowhere", 404),
        ("GET", "/v1/customers/cus_x", 404),
        ("PUT", "/v1/customers", 405),
        ("POST", "/v1/customers", 400),
        ("POST", "/v1/charges", 403),
    ],
)
def test_every_authenticated_response_has_rate_limit_headers(
    world: World,
    issue_key: Callable[..., IssuedKey],
    api: Callable[..., ApiClient],
    method: str,
    path: str,
    status: int,
) -> None:
    issued = issue_key(world.company, ["customers:read", "customers:write"])
    answer = api(issued.client_secret).request(method, path, raw=b"{nonsense")
    assert answer.status == status
    for name in NAMES:
        assert name in answer.headers
    left = by_policy(answer.headers["RateLimit"])
    assert {"key", "company"} <= set(left)
    assert all(re.fullmatch(r"r=\d+;t=\d+", state) for state in left.values())


def test_every_unauthenticated_response_has_the_address_policy(
    api: Callable[..., ApiClient], settings: Any
) -> None:
    client = api()
    for path in ("/v1/whoami", "/v1/nowhere", "/v1/whoami?client_secret=x"):
        answer = client.get(path)
        assert answer.headers["RateLimit-Policy"] == '"address";q=20;w=60'
        assert set(NAMES) <= set(answer.headers)
    settings.REQUIRE_HTTPS = True
    answer = client.get("/v1/whoami")
    assert answer.code == "https_required"
    assert answer.headers["RateLimit-Policy"] == '"address";q=20;w=60'


def test_the_keys_own_limit_is_clamped_when_read_and_never_rewritten(
    world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]
) -> None:
    issued = issue_key(world.company, rate_limit=200)
    client = api(issued.client_secret)
    assert '"key";q=60' in client.get("/v1/whoami").headers["RateLimit-Policy"]
    set_tier(world.company, "pro")
    assert '"key";q=200;w=60, "company";q=300' in client.get("/v1/whoami").headers["RateLimit-Policy"]
    set_tier(world.company, "starter")
    assert '"key";q=60;w=60, "company";q=60' in client.get("/v1/whoami").headers["RateLimit-Policy"]


def set_tier(company: Company, tier: str) -> None:
    """As staff apply it."""
    change_tier(company=company, tier=tier, reason="test", actor=SYSTEM)


class TestFailuresPerAddress:
    """Failures are counted by client address, and hurt nobody else."""

    def test_more_than_twenty_failures_a_minute_are_refused_with_retry_after(
        self, api: Callable[..., ApiClient]
    ) -> None:
        client = api()
        statuses = [client.get("/v1/whoami").status for _ in range(21)]
        assert statuses == [401] * 20 + [429]
        refused = client.get("/v1/whoami")
        assert refused.code == "too_many_failures"
        assert 1 <= int(refused.headers["Retry-After"]) <= 3

    def test_working_key_behind_the_same_address_is_never_refused(
        self, world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]
    ) -> None:
        issued, cold = issue_key(world.company), issue_key(world.company)
        client = api(issued.client_secret)
        assert client.get("/v1/whoami").status == 200
        attacker = api(ip=client.ip)
        for _ in range(30):
            attacker.get("/v1/whoami", headers={"X-Client-Id": issued.client_id, "X-Client-Secret": "x"})
        assert attacker.get("/v1/whoami").code == "too_many_failures"
        assert client.get("/v1/whoami").status == 200
        # Not even one that this process has never seen.
        assert api(cold.client_secret, ip=client.ip).get("/v1/whoami").status == 200

    def test_client_id_alone_cannot_spend_the_keys_tokens(
        self, world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]
    ) -> None:
        issued = issue_key(world.company)
        client = api(issued.client_secret)
        before = int(client.get("/v1/whoami").headers["X-RateLimit-Remaining"])
        stranger = api()
        for _ in range(15):
            stranger.get("/v1/whoami", headers={"X-Client-Id": issued.client_id, "X-Client-Secret": "y" * 46})
        assert int(client.get("/v1/whoami").headers["X-RateLimit-Remaining"]) >= before - 1

    def test_ipv6_clients_are_counted_per_64_prefix(self, api: Callable[..., ApiClient]) -> None:
        for index in range(20):
            assert api(ip=f"2001:db8:77:1::{index:x}").get("/v1/whoami").status == 401
        assert api(ip="2001:db8:77:1:ffff::1").get("/v1/whoami").code == "too_many_failures"
        assert api(ip="2001:db8:77:2::1").get("/v1/whoami").code == "missing_credentials"
