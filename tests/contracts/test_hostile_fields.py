"""Whatever stands in any field of any write, or in any parameter of any list: a precise refusal, never a 500, and nothing done.

The operations are read off the URL configuration, their fields off the samples of each app, so a new one is covered by itself.
"""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from core.api import document
from core.api.scopes import SCOPES
from tests.clients import ApiClient, random_address
from tests.contracts.operations import WRITES, Operation, list_operations, sample_body, sample_path
from tests.contracts.problems import assert_common_headers, assert_problem
from tests.factories import World, make_key
from tests.isolation.ledger import digest
from tests.isolation.matrix import UNLIMITED, make_unlimited_world

# In the place of a field: other types, text that PostgreSQL cannot store, numbers beyond every type, far too much of it. What some
# field takes stands first.
VALUES: dict[str, Any] = {
    "null": None,
    "true": True,
    "an identifier of something else": "co_01h455vb4pex5vsknk084sn02q",
    "a number": -7,
    "a fraction": 0.5,
    "an object": {"a": {"b": [1]}},
    "a list": [[], {}],
    "an absurd number": 10**300,
    "blanks": " \t ",
    "a NUL": "Ada\x00",
    "too much": "x" * 100_000,
    "a deep list": json.loads("[" * 50 + "]" * 50),
}
BODIES = {
    "no JSON": b"{",
    "a list": b"[]",
    "a lone surrogate": b'{"a": "\\ud800"}',
    "ten thousand lists": b"[" * 10_000 + b"]" * 10_000,
}
IN_QUERY = [
    "",
    "%00",
    "%FF%FE",
    "x" * 6_000,
    "-1",
    "9" * 400,
    "9999-12-31T23:59:59-14:00",
    "%20",
    "a&limit=a",
]

DOCUMENT = json.loads(document.current())
# Each of them is two characters in NFC, or in lower case.
GROWS = "\u0958\u0130"

OPERATIONS = list_operations()
WITH_BODY = [operation for operation in OPERATIONS if operation.method in WRITES]
WITH_FIELDS = [operation for operation in WITH_BODY if operation.method in ("POST", "PATCH")]
LISTS = [found for found in OPERATIONS if found.method == "GET" and not found.parameters]


@pytest.fixture(scope="module")
def world() -> World:
    """A company with room for many requests."""
    return make_unlimited_world()


@pytest.fixture(scope="module")
def client(world: World) -> ApiClient:
    """A key that may do everything."""
    key = make_key(world.company, scopes=tuple(SCOPES), rate_limit=UNLIMITED)
    return ApiClient(key.client_secret, ip=random_address())


def business(world: World) -> dict[str, tuple[int, str]]:
    """The digest of everything a request could change: all but the trail and the keys' own record of being used."""
    return digest(world.tenant(), without=("audit_", "apikeys_"))


@pytest.mark.parametrize("operation", WITH_BODY, ids=lambda found: found.name)
def test_hostile_body_is_refused_and_changes_nothing(
    world: World, client: ApiClient, operation: Operation
) -> None:
    tenant = world.tenant()
    path = sample_path(operation, tenant)
    sample = sample_body(operation, tenant) or {}
    before = business(world)

    for name, raw in BODIES.items():
        answer = client.request(operation.method, path, raw=raw)
        assert answer.status == 400, (name, answer)
        assert_problem(answer.status, answer.headers, answer.content, expected=(400, "invalid_request"))
    for body in ({**sample, "nonsense": 1}, {**sample, "na\x00me": 1}, {**sample, "company": "co_1"}):
        answer = client.request(operation.method, path, body)
        assert_problem(answer.status, answer.headers, answer.content, expected=(400, "validation_failed"))
        assert_common_headers(answer.headers)

    assert business(world) == before


@pytest.mark.parametrize("operation", WITH_FIELDS, ids=lambda found: found.name)
def test_hostile_value_in_any_field_is_refused_or_stored_unchanged(
    world: World, client: ApiClient, operation: Operation
) -> None:
    tenant = world.tenant()
    for field in sample_body(operation, tenant) or {}:
        path = sample_path(operation, tenant)
        sample = sample_body(operation, tenant) or {}
        before = business(world)
        waiting = dict(VALUES)
        while waiting:
            refused: dict[str, Any] = {}
            for name, value in waiting.items():
                answer = client.request(operation.method, path, {**sample, field: value})
                assert answer.status < 500, (field, name, answer)
                if answer.status < 400:
                    break
                refused[name] = value
                problem = assert_problem(answer.status, answer.headers, answer.content)
                if answer.code == "validation_failed":
                    named = {each["field"].partition(".")[0] for each in problem["error"]["fields"]}
                    assert named, (field, name, answer)
            else:
                # One look at the rows is enough for all that were refused in a row.
                assert business(world) == before, (field, [*refused])
                break
            del waiting[
                name
            ]  # it was meant, and may have been used up: what was refused before it is sent once more
            sample = sample_body(operation, tenant) or {}
            before = business(world)


def bounded_texts(schema: Any) -> Iterator[tuple[tuple[str | int, ...], int]]:
    """Yield where in a body each text stands whose length the document bounds, and that length."""
    if "$ref" in schema:
        schema = DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    for one in (*schema.get("allOf", ()), *schema.get("oneOf", ()), *schema.get("anyOf", ())):
        yield from bounded_texts(one)
    if "maxLength" in schema:
        yield (), schema["maxLength"]
    for name, inner in schema.get("properties", {}).items():
        yield from (((name, *path), longest) for path, longest in bounded_texts(inner))
    if "items" in schema:
        yield from (((0, *path), longest) for path, longest in bounded_texts(schema["items"]))


def with_text(body: Any, path: tuple[str | int, ...], text: str) -> Any:
    """Return `body` with `text` at `path`; what stands beside it stays."""
    if not path:
        return text
    if isinstance(path[0], int):
        first = body[0] if isinstance(body, list) and body else {}
        return [with_text(first, path[1:], text)]
    body = body if isinstance(body, dict) else {}
    return {**body, path[0]: with_text(body.get(path[0]), path[1:], text)}


@pytest.mark.parametrize("operation", WITH_FIELDS, ids=lambda found: found.name)
def test_text_too_long_once_normalized_is_refused_by_field(
    world: World, client: ApiClient, operation: Operation
) -> None:
    tenant = world.tenant()
    described = DOCUMENT["paths"][operation.path("{id}")][operation.method.lower()]
    content = described.get("requestBody", {}).get("content", {}).get("application/json", {})

    for place, longest in dict(bounded_texts(content.get("schema", {}))).items():
        path = sample_path(operation, tenant)
        body = with_text(sample_body(operation, tenant) or {}, place, (GROWS * longest)[:longest])
        answer = client.request(operation.method, path, body)
        # A column that is too short would say `invalid_request`, and nobody would know which field it is.
        assert answer.status < 500, (place, answer)
        assert answer.code != "invalid_request", (place, answer)


@pytest.mark.parametrize("operation", LISTS, ids=lambda found: found.name)
def test_hostile_query_is_refused_or_answered(client: ApiClient, operation: Operation) -> None:
    filterset = getattr(operation.view, "filterset_class", None)
    names = ["limit", "starting_after", "nonsense", *(filterset.base_filters if filterset else ())]
    for name in names:
        for text in IN_QUERY:
            answer = client.get(f"{operation.path()}?{quote(name)}={text}")
            assert answer.status in (200, 400), (name, text[:40], answer)
            if answer.status == 400:
                assert_problem(answer.status, answer.headers, answer.content)
    if operation.path() != "/v1/whoami":
        assert client.get(f"{operation.path()}?nonsense=1").code == "validation_failed"
