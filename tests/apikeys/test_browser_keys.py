"""Browser keys: allowed origins, CORS, and server keys that must not be in a browser (docs/architecture.md, Keys, requirement "Browser")."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from apikeys.services import IssuedKey, revoke_key
from audit.ingest.buffer import BUFFER
from audit.ingest.writer import Writer
from audit.models import RequestLog
from billing.models import Customer
from core.models import OutboxEvent
from core.tenancy import tenant_context
from tests.clients import ApiClient
from tests.factories import SYSTEM, World

APP = "https://app.example.com"


@pytest.fixture
def browser_key(world: World, issue_key: Callable[..., IssuedKey]) -> IssuedKey:
    return issue_key(
        world.company,
        ["customers:read", "customers:write"],
        kind="browser",
        allowed_origins=[APP, "https://*.shop.example.com"],
    )


@pytest.mark.parametrize("origin", [APP, "https://a.shop.example.com", "https://a.b.shop.example.com"])
def test_allowed_origin_gets_a_readable_response(
    browser_key: IssuedKey, api: Callable[..., ApiClient], origin: Any
) -> None:
    answer = api(browser_key.client_secret).get("/v1/customers", headers={"Origin": origin})
    assert answer.status == 200
    assert answer.headers["Access-Control-Allow-Origin"] == origin
    assert "origin" in answer.headers["Vary"].lower()
    for name in ("RateLimit", "RateLimit-Policy", "X-Request-Id", "Retry-After", "X-RateLimit-Remaining"):
        assert name in answer.headers["Access-Control-Expose-Headers"]
    assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example.com",
        "http://app.example.com",
        "https://app.example.com:8443",
        "https://app.example.com.evil.com",
        "https://shop.example.com",
        "https://evilshop.example.com",
        "https://a.shop.example.com.evil.com",
        "https://a/.shop.example.com",
        "https://.shop.example.com",
        "null",
        "",
        None,
    ],
)
def test_any_other_origin_gets_403_and_no_side_effect(
    world: World, browser_key: IssuedKey, api: Callable[..., ApiClient], origin: str | None
) -> None:
    headers = {} if origin is None else {"Origin": origin}
    answer = api(browser_key.client_secret).post("/v1/customers", {"name": "Ada"}, headers=headers)
    assert (answer.status, answer.code) == (403, "origin_not_allowed")
    with tenant_context(world.tenant()):
        assert Customer.objects.count() == 0
        assert OutboxEvent.objects.filter(type="customer.created").count() == 0


def test_server_key_that_arrives_with_an_origin_is_refused(
    world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]
) -> None:
    issued = issue_key(world.company)
    answer = api(issued.client_secret).get("/v1/customers", headers={"Origin": APP})
    assert (answer.status, answer.code) == (403, "origin_not_allowed")
    assert api(issued.client_secret).get("/v1/customers").status == 200


def test_the_preflight_carries_no_key_and_is_answered_by_path(api: Callable[..., ApiClient]) -> None:
    headers = {
        "Origin": "https://anything.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,idempotency-key",
    }
    answer = api().request("OPTIONS", "/v1/customers", headers=headers)
    assert answer.status == 200
    allowed = answer.headers["Access-Control-Allow-Headers"]
    for name in ("authorization", "idempotency-key", "x-client-id", "x-client-secret", "content-type"):
        assert name in allowed
    for name in ("traceparent", "tracestate", "baggage", "x-requested-with", "x-request-id"):
        assert name in allowed
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]


def test_pages_are_not_shared_with_other_origins(world: World, login: Callable[..., Client]) -> None:
    browser = login(world.owner)
    for method in (browser.get, browser.options):
        response = method("/keys/", headers={"Origin": APP, "Access-Control-Request-Method": "GET"})
        assert "Access-Control-Allow-Origin" not in response.headers


def test_refusal_to_an_allowed_origin_can_be_read_by_the_page(
    browser_key: IssuedKey, api: Callable[..., ApiClient]
) -> None:
    answer = api(browser_key.client_secret).get("/v1/events", headers={"Origin": APP})
    assert answer.headers["Access-Control-Allow-Origin"] == APP


def test_wildcard_admits_every_website_but_never_null(
    world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]
) -> None:
    issued = issue_key(world.company, kind="browser", allowed_origins=["*"])
    client = api(issued.client_secret)
    assert client.get("/v1/customers", headers={"Origin": "https://any.example"}).status == 200
    assert client.get("/v1/customers", headers={"Origin": "null"}).status == 403
    assert client.get("/v1/customers").status == 403


class TestWhatEveryPageMayRead:
    """A page whose request is refused before a key is known, or for its origin, reads why, and nothing about a key."""

    EVIL = "https://evil.example.com"

    def test_response_without_a_valid_credential_can_be_read(self, api: Callable[..., ApiClient]) -> None:
        for secret, code in ((None, "missing_credentials"), ("pm_live_x", "invalid_credentials")):
            answer = api(secret).get("/v1/customers", headers={"Origin": self.EVIL})
            assert (answer.status, answer.code) == (401, code)
            assert answer.headers["Access-Control-Allow-Origin"] == self.EVIL
            assert "WWW-Authenticate" in answer.headers["Access-Control-Expose-Headers"]

    def test_refused_origin_gets_the_same_response_for_every_key(
        self,
        world: World,
        issue_key: Callable[..., IssuedKey],
        browser_key: IssuedKey,
        api: Callable[..., ApiClient],
    ) -> None:
        server = issue_key(world.company)
        answers = [
            api(issued.client_secret).get("/v1/customers", headers={"Origin": self.EVIL})
            for issued in (browser_key, server)
        ]
        seen = []
        for answer in answers:
            assert answer.code == "origin_not_allowed"
            assert answer.headers["Access-Control-Allow-Origin"] == self.EVIL
            body = {name: value for name, value in answer.json.items() if name != "request_id"}
            # Its limits are those of the address, and not the key's.
            assert answer.headers["RateLimit-Policy"] == '"address";q=20;w=60'
            seen.append((body, sorted(answer.headers)))
        assert seen[0] == seen[1]

    def test_the_request_log_shows_the_specific_reason(
        self, world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]
    ) -> None:
        issued = issue_key(world.company)
        refused = api(issued.client_secret).get("/v1/customers", headers={"Origin": self.EVIL})
        assert BUFFER.flush()
        assert Writer("test").drain(seconds=30)
        with tenant_context(world.tenant()):
            trace = RequestLog.by_public_id(refused.headers["X-Request-Id"]).trace
        assert trace[-1]["check"] == "origin"
        assert "server key" in trace[-1]["detail"]

    def test_details_of_a_key_are_only_shown_to_its_own_origins(
        self, world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]
    ) -> None:
        issued = issue_key(world.company, ["customers:read"], kind="browser", allowed_origins=[APP])
        with tenant_context(world.tenant()):
            revoke_key(key=issued.key, actor=SYSTEM)
        client = api(issued.client_secret)
        foreign = client.get("/v1/customers", headers={"Origin": self.EVIL})
        own = client.get("/v1/customers", headers={"Origin": APP})
        assert foreign.code == own.code == "key_revoked"
        assert "Access-Control-Allow-Origin" not in foreign.headers
        assert own.headers["Access-Control-Allow-Origin"] == APP

    def test_the_document_can_be_read_from_everywhere(self, api: Callable[..., ApiClient]) -> None:
        answer = api().get("/v1/openapi.json", headers={"Origin": self.EVIL})
        assert answer.headers["Access-Control-Allow-Origin"] == self.EVIL

    def test_reference_page_may_call_with_a_server_key(
        self, world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient], settings: Any
    ) -> None:
        settings.PUBLIC_URL = "https://pomelo.example.com"
        client = api(issue_key(world.company, ["customers:write"]).client_secret)
        body = {"name": "Ada"}
        assert client.post("/v1/customers", body, headers={"Origin": settings.PUBLIC_URL}).status == 201
        for foreign in ("http://pomelo.example.com", "https://pomelo.example.com:8443", "null", self.EVIL):
            assert client.post("/v1/customers", body, headers={"Origin": foreign}).status == 403
