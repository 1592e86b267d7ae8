"""The requirement documents on scopes and limits per key: each test quotes the sentence it holds us to."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from apikeys.services import IssuedKey
from billing.models import Customer
from core.api.scopes import PRESETS, SCOPES
from core.tenancy import tenant_context
from tests.clients import ApiClient
from tests.factories import World


def test_each_key_carries_explicit_scopes(
    world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]
) -> None:
    """ "Each key carries explicit scopes (e.g. invoices:read,customers:write)." / "Fine-grained permission scopes." """
    issued = issue_key(world.company, ["invoices:read", "customers:write"])
    assert set(api(issued.client_secret).get("/v1/whoami").json["scopes"]) == {
        "invoices:read",
        "customers:write",
    }


def test_missing_scope_returns_403_with_insufficient_scope(
    world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]
) -> None:
    """ "Calling an endpoint whose scope the key lacks returns 403 with error.code = insufficient_scope." /
    "Returns 403 Forbidden if scope missing" / "Single API key with full access increases risk if compromised." """
    issued = issue_key(world.company, ["invoices:read"])
    answer = api(issued.client_secret).post("/v1/customers", {"name": "Ada"})
    assert answer.status == 403
    assert answer.json["error"]["code"] == "insufficient_scope"
    with tenant_context(world.tenant()):
        assert Customer.objects.count() == 0


def test_read_only_keys_for_reporting(
    world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]
) -> None:
    """ "Create read-only keys for reporting; only grant :write (and messaging:send) when needed." """
    assert not any(SCOPES[scope].writes for scope in PRESETS["read-only"])
    client = api(issue_key(world.company, PRESETS["read-only"]).client_secret)
    for path in ("/v1/customers", "/v1/invoices", "/v1/charges", "/v1/messages", "/v1/events"):
        assert client.get(path).status == 200, path
        if path != "/v1/events":
            assert client.post(path, {}).code == "insufficient_scope", path


def test_the_user_selects_the_scopes_during_creation(
    world: World, login: Callable[..., Client], api: Callable[..., ApiClient]
) -> None:
    """ "User selects required scopes during key creation" / "Principle of least privilege": none is preselected, and none is
    given unasked."""
    browser = login(world.owner)
    page = browser.get("/keys/new/").content.decode()
    assert 'name="scopes"' in page
    assert 'name="scopes" value="customers:read" id="scope-customers:read" checked' not in page
    form = {"name": "x", "kind": "server", "expiry": "90", "rate_limit": "60"}
    assert browser.post("/keys/new/", form).status_code == 422
    page = browser.post("/keys/new/", {**form, "scopes": ["events:read"]}).content.decode()
    secret = page[page.index("pm_live_") :][:46]
    assert api(secret).get("/v1/whoami").json["scopes"] == ["events:read"]


@pytest.mark.parametrize(
    ("scopes", "allowed", "refused"),
    [
        (["send_email"], ("POST", "/v1/messages"), ("GET", "/v1/messages")),
        (["read_analytics"], ("GET", "/v1/analytics/messages"), ("POST", "/v1/messages")),
        (PRESETS["full-access"], ("GET", "/v1/customers"), None),
    ],
    ids=["Send-only key", "Read-only key", "Full access key"],
)
def test_the_example_use_cases(
    world: World,
    issue_key: Callable[..., IssuedKey],
    api: Callable[..., ApiClient],
    scopes: Any,
    allowed: Any,
    refused: Any,
) -> None:
    """ "Send-only key: Only send_email scope (for application sending emails)" /
    "Read-only key: Only read_analytics scope (for dashboard integrations)" /
    "Full access key: All scopes (for admin automation)" """
    client = api(issue_key(world.company, scopes).client_secret)
    method, path = allowed
    answer = client.request(method, path, {} if method == "POST" else None)
    assert answer.code != "insufficient_scope"
    assert answer.status not in (401, 403)
    if refused is not None:
        assert client.request(refused[0], refused[1]).code == "insufficient_scope"


def test_each_key_has_a_requests_per_minute_limit_of_60_by_default(
    world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]
) -> None:
    """ "Each key has a requests-per-minute limit (default 60). Exceeding it returns 429 with a Retry-After header." """
    issued = issue_key(world.company)
    assert issued.key.rate_limit == 60
    client = api(issued.client_secret)
    answers = [client.get("/v1/whoami") for _ in range(90)]
    refused = [answer for answer in answers if answer.status == 429]
    assert answers[0].headers["X-RateLimit-Limit"] == "60"
    assert refused
    assert all(int(answer.headers["Retry-After"]) >= 1 for answer in refused)
    assert 60 <= len(answers) - len(refused) <= 75


def test_messaging_has_separate_lower_limits(
    world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]
) -> None:
    """ "Messaging has separate, lower limits + a daily cap per channel." """
    client = api(issue_key(world.company, ["messaging:send"]).client_secret)
    answer = client.post("/v1/messages", {})
    assert '"messages";q=10;w=60' in answer.headers["RateLimit-Policy"]
    statuses = [client.post("/v1/messages", {}).status for _ in range(12)]
    assert statuses[-1] == 429
    assert client.post("/v1/messages", {}).json["error"]["policies"] == ["messages"]
    assert client.get("/v1/whoami").status == 200
