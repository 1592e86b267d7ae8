"""Whatever a client sends, it gets a precise problem+json and never a 500, and nothing happens (docs/architecture.md, Contracts)."""

import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import pytest

from apikeys.services import IssuedKey
from billing.models import Customer
from core.api.scopes import SCOPES
from core.tenancy import tenant_context
from tests.clients import ApiClient
from tests.contracts.problems import assert_common_headers, assert_problem
from tests.factories import World

BAD = (400, "invalid_request")
FIELDS = (400, "validation_failed")
GONE = (404, "not_found")


def nested(depth: Any, opening: str = "[", closing: str = "]") -> Any:
    return (opening * depth + closing * depth).encode()


BODIES = {
    "nothing": (b"", FIELDS),
    "empty object": (b"{}", FIELDS),
    "half an object": (b'{"name": "Ada"', BAD),
    "not JSON": (b"name=Ada", BAD),
    "a list": (b'[{"name": "Ada"}]', BAD),
    "a text": (b'"Ada"', BAD),
    "a number": (b"7", BAD),
    "null": (b"null", BAD),
    "two objects": (b'{"name": "Ada"}{"name": "Ada"}', BAD),
    "a comment": (b'{"name": "Ada" /* who */}', BAD),
    "NaN": (b'{"name": NaN}', BAD),
    "infinity": (b'{"name": Infinity}', BAD),
    "a NUL in a text": (b'{"name": "Ada\\u0000"}', FIELDS),
    "a NUL in a name": (b'{"na\\u0000me": "Ada"}', FIELDS),
    "a NUL in metadata": (b'{"name": "Ada", "metadata": {"a": "\\u0000"}}', FIELDS),
    "a NUL in a metadata name": (b'{"name": "Ada", "metadata": {"a\\u0000": "b"}}', FIELDS),
    "a NUL byte": (b'{"name": "Ada\x00"}', BAD),
    "broken UTF-8": (b'{"name": "Ada\xff\xfe"}', BAD),
    "overlong UTF-8": (b'{"name": "\xc0\xaf"}', BAD),
    "a UTF-8 surrogate": (b'{"name": "\xed\xa0\x80"}', BAD),
    "UTF-16": ('{"name": "Ada"}'.encode("utf-16"), BAD),
    "a lone high surrogate": (b'{"name": "\\ud800"}', BAD),
    "a lone low surrogate": (b'{"name": "\\udc00x"}', BAD),
    "surrogates the wrong way round": (b'{"name": "\\udc00\\ud800"}', BAD),
    "ten thousand lists": (nested(10_000), BAD),
    "ten thousand objects": (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, BAD),
    "lists in metadata": (b'{"name": "Ada", "metadata": {"a": ' + nested(200) + b"}}", BAD),
    # What the library that spells a body for its fingerprint takes ends at 254.
    "three hundred lists": (b'{"name": "Ada", "metadata": {"a": ' + nested(300) + b"}}", BAD),
    "thirteen levels": (b'{"name": ' + nested(12) + b"}", BAD),
    "twelve levels": (b'{"name": ' + nested(11) + b"}", FIELDS),
    "a name twice": (b'{"name": "Ada", "name": "Ada"}', BAD),
    "a name twice, once escaped": (b'{"name": "Ada", "n\\u0061me": "Eve"}', BAD),
    "a name twice inside": (b'{"name": "Ada", "metadata": {"a": "1", "a": "2"}}', BAD),
    "a name twice beside colons": (b'{"name": "::::", "metadata": {"a:": "1", "a:": "2"}}', BAD),
    "a name twice, the first too deep": (b'{"name": ' + nested(900) + b', "name": "Ada"}', BAD),
    "a number for a text": (b'{"name": 7}', FIELDS),
    "an integer beyond 64 bits": (b'{"name": 123456789012345678901234567890}', FIELDS),
    "a huge number for a text": (b'{"name": 1e400}', BAD),
    "an absurd integer": (b'{"name": ' + b"9" * 5_000 + b"}", BAD),
    "true for a text": (b'{"name": true}', FIELDS),
    "null for a text": (b'{"name": null}', FIELDS),
    "an object for a text": (b'{"name": {"a": 1}}', FIELDS),
    "a list for a text": (b'{"name": ["Ada"]}', FIELDS),
    "a text for an object": (b'{"name": "Ada", "address": "Berlin"}', FIELDS),
    "a text for metadata": (b'{"name": "Ada", "metadata": "x"}', FIELDS),
    "numbers in metadata": (b'{"name": "Ada", "metadata": {"a": 1}}', FIELDS),
    "too long a text": (json.dumps({"name": "x" * 201}).encode(), FIELDS),
    "too much metadata": (
        json.dumps({"name": "A", "metadata": {str(n): "" for n in range(51)}}).encode(),
        FIELDS,
    ),
    "too long a metadata name": (json.dumps({"name": "A", "metadata": {"x" * 41: ""}}).encode(), FIELDS),
    "only blanks": (b'{"name": "   "}', FIELDS),
    "an unknown field": (b'{"name": "Ada", "company": "co_01"}', FIELDS),
    "an unknown field inside": (b'{"name": "Ada", "address": {"planet": "Earth"}}', FIELDS),
    "no email": (b'{"name": "Ada", "email": "ada"}', FIELDS),
    "no phone": (b'{"name": "Ada", "phone": "call me"}', FIELDS),
    "a mebibyte and a bit": (b'{"name": "' + b"x" * 1_048_576 + b'"}', (413, "body_too_large")),
}


@pytest.fixture
def client(world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]) -> ApiClient:
    return api(issue_key(world.company, ["customers:read", "customers:write"]).client_secret)


def count(world: World) -> Any:
    with tenant_context(world.tenant()):
        return Customer.objects.count()


@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize("idempotency_key", [None, "k"])
def test_invalid_body_is_refused_with_precise_errors(
    world: World, client: ApiClient, name: Any, idempotency_key: str | None
) -> None:
    raw, expected = BODIES[name]

    answer = client.post("/v1/customers", raw=raw, idempotency_key=idempotency_key)

    assert_problem(answer.status, answer.headers, answer.content, expected=expected)
    assert_common_headers(answer.headers)
    assert count(world) == 0


@pytest.mark.parametrize(
    ("sent", "accepted"),
    [
        ("text/plain", False),
        ("application/x-www-form-urlencoded", False),
        ("multipart/form-data; boundary=x", False),
        ("", False),
        ("application/jsonp", False),
        ("application/json; charset=utf-8", True),
        ("Application/JSON", True),
    ],
)
def test_body_must_be_declared_as_json(world: World, client: ApiClient, sent: str, accepted: bool) -> None:
    answer = client.post("/v1/customers", {"name": "Ada"}, content_type=sent)
    if accepted:
        assert answer.status == 201
    else:
        assert_problem(
            answer.status, answer.headers, answer.content, expected=(415, "unsupported_media_type")
        )
    assert count(world) == int(accepted)


def test_encoded_body_is_refused(world: World, client: ApiClient) -> None:
    answer = client.post("/v1/customers", {"name": "Ada"}, headers={"Content-Encoding": "gzip"})
    assert_problem(answer.status, answer.headers, answer.content, expected=(415, "unsupported_media_type"))
    assert count(world) == 0


QUERIES = {
    "limit=0": FIELDS,
    "limit=-1": FIELDS,
    "limit=101": FIELDS,
    "limit=": FIELDS,
    "limit=ten": FIELDS,
    "limit=1.0": FIELDS,
    "limit=1e1": FIELDS,
    "limit=%209": FIELDS,
    "limit=%D9%A3": FIELDS,
    "limit=" + "9" * 6_000: FIELDS,
    "limit=5&limit=6": BAD,
    "starting_after=": FIELDS,
    "starting_after=cus_": FIELDS,
    "starting_after=nonsense": FIELDS,
    "starting_after=inv_01h455vb4pex5vsknk084sn02q": FIELDS,
    "starting_after=cus_zzzzzzzzzzzzzzzzzzzzzzzzzz": FIELDS,
    "starting_after=cus_01H455VB4PEX5VSKNK084SN02Q": FIELDS,
    "email=%00": FIELDS,
    "em%00ail=x": FIELDS,
    "email=": FIELDS,
    "search=&limit=5": FIELDS,
    "created_before=": FIELDS,
    "created_after=0001-01-01T00:00:00%2B23:59": FIELDS,
    "email=" + "x" * 255: FIELDS,
    "email=%20": FIELDS,
    "external_id=+%09": FIELDS,
    "search=%C2%A0": FIELDS,
    "metadata_key=%E3%80%80": FIELDS,
    "created_after=yesterday": FIELDS,
    "created_after=2026-13-45T00:00:00Z": FIELDS,
    "created_after=99999-01-01T00:00:00Z": FIELDS,
    "created_after=2026-01-01T00:00:00Z&created_after=2026-01-01T00:00:00Z": BAD,
    "company=co_01h455vb4pex5vsknk084sn02q": FIELDS,
    "nonsense=1": FIELDS,
    "=1": FIELDS,
    "page=2": FIELDS,
    "&".join(f"a{number}=1" for number in range(1_500)): BAD,
}


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query[:40])
def test_invalid_query_is_refused_with_precise_errors(client: ApiClient, query: Any) -> None:
    answer = client.get(f"/v1/customers?{query}")
    assert_problem(answer.status, answer.headers, answer.content, expected=QUERIES[query])
    assert_common_headers(answer.headers)


@pytest.mark.parametrize(
    "query",
    [
        "email=%FF%FE",
        "email=%ED%A0%80",
        "external_id=%F0%9F%92%A9",
        "created_after=0001-01-01T00:00:00%2B14:00",
        "created_before=9999-12-31T23:59:59-14:00",
        "created_after=2026-01-01T00:00:00Z",
        "limit=1",
        "limit=100",
        "starting_after=cus_7zzzzzzzzzzzzzzzzzzzzzzzzz",
    ],
)
def test_unusual_query_is_answered_or_refused_without_a_server_error(client: ApiClient, query: str) -> None:
    answer = client.get(f"/v1/customers?{query}")
    assert answer.status in (200, 400)
    if answer.status == 200:
        assert answer.json == {"object": "list", "data": [], "has_more": False, "next_cursor": None}
    assert_common_headers(answer.headers)


@pytest.mark.parametrize(
    "path",
    [
        "/v1",
        "/v1/",
        "/v1//",
        "/v1/nothing",
        "/v1/customers/",
        "/v1/Customers",
        "/v1/customers/cus_01h455vb4pex5vsknk084sn02q",
        "/v1/customers/nonsense",
        "/v1/customers/inv_01h455vb4pex5vsknk084sn02q",
        "/v1/customers/%00",
        "/v1/customers/%FF%FE",
        "/v1/customers/%ED%A0%80",
        "/v1/customers/%F0%9F%92%A9",
        "/v1/customers/cus_01h455vb4pex5vsknk084sn02q%00",
        "/v1/customers/..%2f..%2fetc%2fpasswd",
        "/v1/customers/" + "x" * 6_000,
        "/v1/customers/cus_01h455vb4pex5vsknk084sn02q/more",
    ],
)
def test_missing_objects_are_not_found(client: ApiClient, path: str) -> None:
    answer = client.get(path)
    # One segment below the collection may be an object's id; anything else no operation has.
    may_be_an_id = re.fullmatch(r"/v1/customers/[^/]+", unquote(path, errors="replace"))
    code = "not_found" if may_be_an_id else "unknown_route"
    assert_problem(answer.status, answer.headers, answer.content, expected=(404, code))
    assert_common_headers(answer.headers)


def test_missing_and_foreign_objects_answer_the_same_bytes(world: World, client: ApiClient) -> None:
    from tests.factories import make_customer

    foreign = make_customer(world.other_tenant()).public_id
    other_mode = make_customer(world.tenant("test")).public_id
    missing = "cus_01h455vb4pex5vsknk084sn02q"
    seen = set()
    for public_id in (missing, foreign, other_mode):
        for method, body in (("GET", None), ("PATCH", {"name": "Eve"}), ("DELETE", None)):
            answer = client.request(method, f"/v1/customers/{public_id}", body)
            problem = assert_problem(answer.status, answer.headers, answer.content, expected=GONE)
            problem.pop("request_id")
            assert problem.pop("instance") == f"/v1/customers/{public_id}"
            seen.add(json.dumps(problem, sort_keys=True))
    assert len(seen) == 1


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "TRACE", "BREW"])
def test_unsupported_method_is_refused_and_allow_lists_the_others(client: ApiClient, method: str) -> None:
    answer = client.request(method, "/v1/customers")
    assert_problem(answer.status, answer.headers, answer.content, expected=(405, "method_not_allowed"))
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD", "POST", "OPTIONS"}


def test_head_and_options_answer_without_a_body(client: ApiClient) -> None:
    assert (
        client.request("HEAD", "/v1/customers").status,
        client.request("HEAD", "/v1/customers").content,
    ) == (200, b"")
    answer = client.request("OPTIONS", "/v1/customers")
    assert (answer.status, answer.content) == (204, b"")
    assert "POST" in answer.headers["Allow"]
    assert_common_headers(answer.headers)


@pytest.mark.parametrize("accept", ["text/html", "application/xml", "image/*", "application/json;q=0"])
def test_unacceptable_response_type_is_refused_before_rendering(client: ApiClient, accept: str) -> None:
    answer = client.get("/v1/customers", headers={"Accept": accept})
    assert_problem(answer.status, answer.headers, answer.content, expected=(406, "not_acceptable"))


@pytest.mark.parametrize("accept", ["*/*", "application/*", "application/json", "text/html, */*;q=0.1", ""])
def test_common_accept_headers_are_understood(client: ApiClient, accept: str) -> None:
    assert client.get("/v1/customers", headers={"Accept": accept}).status == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "", "a b", "localhost:port", "[::1", "testserver@evil.example"]
)
def test_foreign_host_is_refused_before_the_credential_is_read(client: ApiClient, host: str) -> None:
    answer = client.get("/v1/customers", headers={"Host": host})
    assert_problem(answer.status, answer.headers, answer.content, expected=BAD)


def test_wrong_content_length_is_refused(client: ApiClient) -> None:
    answer = client.client.generic(
        "POST",
        "/v1/customers",
        b"{}",
        content_type="application/json",
        headers={"Authorization": f"Bearer {client.secret}"},
        CONTENT_LENGTH="many",
    )
    assert_problem(answer.status_code, answer.headers, answer.content, expected=BAD)


@pytest.mark.parametrize("offset", ["%2B19:21", "-23:59", "%2B00:00"])
@pytest.mark.parametrize("path", ["customers", "events", "audit_entries", "request_logs"])
def test_times_may_have_any_rfc_3339_offset(
    world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient], path: str, offset: str
) -> None:
    client = api(issue_key(world.company, tuple(SCOPES)).client_secret)

    answer = client.get(f"/v1/{path}?created_before=1372-11-02T05:08:42{offset}")
    assert (answer.status, answer.json["data"]) == (200, [])
