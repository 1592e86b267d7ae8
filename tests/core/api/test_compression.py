"""Responses under /v1 are compressed for clients that accept it, except those that show a secret."""

import gzip
import json
from collections.abc import Callable
from typing import Any

import brotli
import pytest

from apikeys.services import IssuedKey
from core.api import compression
from core.api.compression import MIN_BYTES, _choose
from tests.clients import ApiClient
from tests.factories import World

LONG = {"name": "Ada", "metadata": {f"key{n}": "value " * 15 for n in range(20)}}


@pytest.fixture
def client(world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]) -> ApiClient:
    scopes = ["customers:read", "customers:write", "webhooks:read", "webhooks:write"]
    return api(issue_key(world.company, scopes).client_secret)


@pytest.fixture
def path(client: ApiClient) -> str:
    """The path of a customer that is long enough."""
    return f"/v1/customers/{client.post('/v1/customers', LONG).json['id']}"


def ask(client: Any, path: Any, encoding: Any, method: str = "GET", **headers: Any) -> Any:
    """Return the plain response: the tests' client would parse what is compressed."""
    asked = {"Authorization": f"Bearer {client.secret}", "Accept-Encoding": encoding, **headers}
    return client.client.generic(method, path, headers=asked)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("gzip", "gzip"),
        ("br", "br"),
        ("gzip, br", "br"),
        ("gzip;q=1.0, br;q=0.5", "gzip"),
        ("br;q=0, gzip", "gzip"),
        ("*", "br"),
        ("*, br;q=0", "gzip"),
        ("*;q=0", None),
        ("identity", None),
        ("identity;q=1, gzip;q=0.5", None),
        ("GZIP ; q=0.001", "gzip"),
        ("gzip;q=nonsense", None),
        ("zstd, deflate", None),
        ("", None),
        (",;,;q=,", None),
    ],
)
def test_the_preferred_encoding_is_used(header: str, expected: str | None) -> None:
    assert _choose(header) == expected


def test_response_is_the_same_under_every_encoding(client: ApiClient, path: str) -> None:
    plain = ask(client, path, "identity")
    packed, zipped = ask(client, path, "br"), ask(client, path, "gzip")

    assert len(plain.content) > MIN_BYTES
    assert brotli.decompress(packed.content) == gzip.decompress(zipped.content) == plain.content
    assert len(packed.content) < len(plain.content) / 3
    assert [answer.headers.get("Content-Encoding") for answer in (plain, packed, zipped)] == [
        None,
        "br",
        "gzip",
    ]
    for answer in (plain, packed, zipped):
        assert "Accept-Encoding" in answer.headers["Vary"]
        assert answer.headers["Content-Length"] == str(len(answer.content))


def test_etag_of_a_compressed_response_is_weak_and_works_for_both_conditions(
    client: ApiClient, path: str
) -> None:
    plain, packed = ask(client, path, "identity"), ask(client, path, "br")
    tag = packed.headers["ETag"]

    assert tag == f"W/{plain.headers['ETag']}"
    unchanged = ask(client, path, "br", **{"If-None-Match": tag})
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert "Accept-Encoding" in unchanged.headers["Vary"]
    assert client.patch(path, {"name": "Ada King"}, headers={"If-Match": tag}).status == 200
    assert client.patch(path, {"name": "Grace"}, headers={"If-Match": tag}).status == 412


def test_head_returns_the_headers_of_get(client: ApiClient, path: str) -> None:
    got, headed = ask(client, path, "br"), ask(client, path, "br", method="HEAD")

    same = ("Content-Encoding", "Content-Length", "Content-Type", "ETag", "Vary")
    assert [headed.headers[name] for name in same] == [got.headers[name] for name in same]
    assert headed.content == b""


def test_short_responses_are_not_compressed(client: ApiClient) -> None:
    answer = ask(client, "/v1/whoami", "br, gzip")

    assert "Content-Encoding" not in answer.headers
    assert json.loads(answer.content)["object"] == "whoami"


def test_answer_with_a_secret_is_never_compressed(client: ApiClient) -> None:
    asked = {
        "url": "https://example.com/hook",
        "events": ["customer.*"],
        "headers": {f"X-Long-{n}": "value " * 15 for n in range(10)},
        "description": "d" * 500,
    }
    made = client.post("/v1/webhook_endpoints", asked, headers={"Accept-Encoding": "br, gzip"})

    assert made.status == 201, made
    assert made.json["secret"].startswith("whsec_")
    assert len(made.content) > MIN_BYTES
    assert "Content-Encoding" not in made.headers
    listed = ask(client, "/v1/webhook_endpoints", "br")
    assert listed.headers["Content-Encoding"] == "br"


def test_the_document_is_compressed_for_everybody(client: ApiClient) -> None:
    answer = client.client.get("/v1/openapi.json", headers={"Accept-Encoding": "gzip, deflate, br"})

    assert answer.headers["Content-Encoding"] == "br"
    document = json.loads(brotli.decompress(answer.content))
    assert document["openapi"] == "3.1.1"
    again = client.client.get("/v1/openapi.json", headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304


def test_public_responses_are_compressed_once_and_byte_identical(client: ApiClient) -> None:
    answers = {
        coding: [
            client.client.get("/v1/openapi.json", headers={"Accept-Encoding": coding}).content for _ in "12"
        ]
        for coding in ("gzip", "br")
    }
    compression._compressed_once.cache_clear()
    again = {
        coding: client.client.get("/v1/openapi.json", headers={"Accept-Encoding": coding}).content
        for coding in answers
    }

    for coding, found in answers.items():
        assert found == [again[coding]] * 2
    document = gzip.decompress(again["gzip"])
    assert len(again["br"]) < len(brotli.compress(document, quality=4))
    assert len(again["gzip"]) < len(gzip.compress(document, 6))
