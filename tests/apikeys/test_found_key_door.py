"""The public report page: whom it admits, its responses, and what is stored until a report is evaluated."""

import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from apikeys import keys
from apikeys.services import IssuedKey, reports, revoke_key
from apikeys.services.reports import evaluate_reports
from core import clock
from core.tenancy import tenant_context
from core.valkey.commands import ValkeyUnavailable
from tests.apikeys.found_keys import (
    ENDPOINT,
    PAGE,
    PLACE,
    almost,
    count_waiting,
    secret_of,
    send,
    types_of,
    visitor,
    waiting,
)
from tests.clients import ApiClient
from tests.factories import SYSTEM, World


def test_response_does_not_reveal_whose_secret_it_is_or_whether_it_works(
    world: World, issue_key: Callable[..., IssuedKey]
) -> None:
    """The same bytes and headers for a working, a revoked, a foreign and a made-up secret, before anybody looks it up."""
    working, revoked = issue_key(world.company), issue_key(world.company)
    with tenant_context(world.tenant()):
        revoke_key(key=revoked.key, actor=SYSTEM)
    made_up = keys.generate("live").text
    answers = set()
    pages = set()
    for secret in (working.client_secret, revoked.client_secret, made_up, almost(working.client_secret)):
        answer = send(secret)
        headers = {
            name: value for name, value in answer.headers.items() if name not in ("X-Request-Id", "Expires")
        }
        answers.add((answer.status_code, answer.content, json.dumps(headers, sort_keys=True)))
        page = visitor().post(PAGE, {"secret": secret, "found_at": PLACE})
        pages.add((page.status_code, page.content, page.headers["Location"]))
        assert len(waiting(secret)) == 1
    assert len(answers) == 1
    assert next(iter(answers))[:2] == (202, b'{"object":"leak_report","status":"received"}')
    assert pages == {(302, b"", "/found-key/thanks/")}
    # Nothing was looked up while the reporter waited.
    assert types_of(working) == ["api_key.created"]
    assert secret_of(working).activated_at is None
    evaluate_reports(now=clock.now())


@pytest.mark.parametrize(
    ("pasted", "message"),
    [
        ("hello", "This text contains no secret"),
        ("pm_live_short", "This text contains no secret"),
        ("pm_live_" + "A" * 38, "checksum"),
        ("x" * 5000, "At most"),
    ],
)
def test_text_that_cannot_be_a_secret_is_rejected_and_not_stored(pasted: str, message: str) -> None:
    """That is arithmetic anybody can do; it says nothing about our keys."""
    before = count_waiting()
    answer = send(pasted)
    body = json.loads(answer.content)
    assert (answer.status_code, body["error"]["code"]) == (400, "validation_failed")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert message in body["error"]["fields"][0]["message"]
    assert pasted not in answer.content.decode() or pasted == "hello"

    page = visitor().post(PAGE, {"secret": pasted, "found_at": ""})
    html = page.content.decode()
    assert page.status_code == 422
    assert message in html
    assert f'value="{pasted[:20]}' not in html
    assert count_waiting() == before


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "invalid_request"),
        (b"[]", 400, "invalid_request"),
        (b"{}", 400, "validation_failed"),
        (b'{"secret": 7}', 400, "validation_failed"),
        (b'{"secret": "a\\u0000"}', 400, "validation_failed"),
        (b'{"secret": "x", "company": "co_1"}', 400, "validation_failed"),
    ],
)
def test_api_client_gets_precise_errors(body: bytes, status: int, code: str) -> None:
    answer = visitor().post(ENDPOINT, body, content_type="application/json")
    assert (answer.status_code, json.loads(answer.content)["error"]["code"]) == (status, code)


def test_other_methods_and_types_are_refused() -> None:
    got = visitor().get(ENDPOINT)
    assert (got.status_code, got.headers["Allow"]) == (405, "POST")
    typed = visitor().post(ENDPOINT, b"secret=x", content_type="application/x-www-form-urlencoded")
    assert typed.status_code == 415


def test_reports_are_limited_only_by_address(world: World, issue_key: Callable[..., IssuedKey]) -> None:
    issued = issue_key(world.company)
    client = visitor()
    answers = [send(keys.generate("live").text, client=client) for _ in range(12)]
    assert [answer.status_code for answer in answers][:10] == [202] * 10
    refused = answers[-1]
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) >= 1
    assert json.loads(refused.content)["error"]["code"] == "rate_limited"
    page = client.post(PAGE, {"secret": issued.client_secret})
    assert page.status_code == 429
    assert int(page.headers["Retry-After"]) >= 1
    assert waiting(issued.client_secret) == []
    # Somebody else can report meanwhile, and the failures of keys are counted apart.
    assert send(issued.client_secret).status_code == 202
    evaluate_reports(now=clock.now())


def test_one_network_counts_as_one_reporter() -> None:
    spellings = ["2001:db8:77:1::1", "2001:db8:77:1::2"]
    answers = [
        send(keys.generate("live").text, client=visitor(spellings[n % 2])).status_code for n in range(12)
    ]
    assert answers[-1] == 429
    evaluate_reports(now=clock.now())


def test_without_valkey_reports_are_accepted_and_limited(
    world: World,
    issue_key: Callable[..., IssuedKey],
    api: Callable[..., ApiClient],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def away(*args: Any, **kwargs: Any) -> None:
        raise ValkeyUnavailable("stopped")

    issued = issue_key(world.company)
    client = visitor()
    with monkeypatch.context() as patch:
        patch.setattr(reports, "take_one", away)
        answers = [send(issued.client_secret, client=client).status_code for _ in range(11)]
    assert answers == [202] * 10 + [429]
    evaluate_reports(now=clock.now())
    assert api(issued.client_secret).get("/v1/whoami").code == "key_revoked"


def test_flood_is_refused_before_it_fills_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports, "MAX_WAITING", 0)
    answer = send(keys.generate("live").text)
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) >= 1
    assert visitor().post(PAGE, {"secret": keys.generate("live").text}).status_code == 503


def test_same_secret_is_queued_once(world: World, issue_key: Callable[..., IssuedKey]) -> None:
    issued = issue_key(world.company)
    for _ in range(3):
        assert send(issued.client_secret).status_code == 202
    assert len(waiting(issued.client_secret)) == 1
    evaluate_reports(now=clock.now())


def test_queued_data_contains_no_plaintext_secret(world: World, issue_key: Callable[..., IssuedKey]) -> None:
    issued = issue_key(world.company)
    send(issued.client_secret)
    (row,) = waiting(issued.client_secret)
    assert issued.client_secret[16:40] not in row.secret + row.place
    assert bytes(row.digest).hex() not in issued.client_secret
    evaluate_reports(now=clock.now())


def test_report_page_is_public_and_linked() -> None:
    page = visitor().get(PAGE)
    assert page.status_code == 200
    assert "no-store" in page.headers["Cache-Control"]
    assert 'href="/found-key/"' in visitor().get("/accounts/login/").content.decode()
    assert "/found-key/" in visitor().get("/docs/keys/").content.decode()
    assert "/found-key/" in visitor().get("/docs/authentication/").content.decode()


def test_security_txt_links_to_the_report_page(settings: Any) -> None:
    settings.SECURITY_CONTACTS = ["mailto:security@acme.example"]
    answer = visitor().get("/.well-known/security.txt")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    text = answer.content.decode()
    contacts = re.findall(r"^Contact: (.+)$", text, re.MULTILINE)
    assert contacts == ["mailto:security@acme.example", f"{settings.PUBLIC_URL}/found-key/"]
    (expires,) = re.findall(r"^Expires: (.+)$", text, re.MULTILINE)
    left = clock.now().fromisoformat(expires) - clock.now()
    assert timedelta(days=170) < left < timedelta(days=365)
