"""Attacks through DRF features: methods, bodies, replays and paths (docs/architecture.md, The request pipeline)."""

from io import BytesIO
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart
from rest_framework import serializers

from core.api import entry
from core.api.serializers import StrictSerializer
from tests.contracts.problems import assert_problem
from tests.core.api.extension_views import SEEN
from tests.factories import make_customer

pytestmark = pytest.mark.usefixtures("extended")


def send_chunked(path: str, secret: str, body: bytes, content_type: str = "application/json") -> Any:
    """POST `body` as a server hands it on that got it in chunks: its length is not known."""
    return Client(raise_request_exception=False).generic(
        "POST",
        path,
        body,
        content_type=content_type,
        headers={"Authorization": f"Bearer {secret}", "Transfer-Encoding": "chunked"},
        **{"CONTENT_LENGTH": "", "wsgi.input": BytesIO(body)},
    )


def test_head_counts_against_the_policies_of_get(client_of: Any) -> None:
    client = client_of()
    quota = client.get("/v1/whoami").json["limits"]["reads"]

    first = client.request("HEAD", "/v1/x/CountedReads")
    for _ in range(quota - 1):
        assert client.request("HEAD", "/v1/x/CountedReads").status == 200

    assert first.headers["RateLimit"].startswith(f'"reads";r={quota - 1};')
    assert client.request("HEAD", "/v1/x/CountedReads").status == 429
    assert client.get("/v1/x/CountedReads").status == 429


def test_replay_does_not_bypass_object_permissions(world: Any, client_of: Any) -> None:
    row = make_customer(world.tenant(), name="Ada", email="ada@example.com")
    ada, eve = client_of("Ada"), client_of("Eve")
    body = {"id": row.public_id}

    first = ada.post("/v1/x/OwnCustomer", body, idempotency_key="shared")
    stolen = eve.post("/v1/x/OwnCustomer", body, idempotency_key="shared")
    again = ada.post("/v1/x/OwnCustomer", body, idempotency_key="shared")

    assert (first.status, first.json) == (200, {"email": "ada@example.com"})
    assert (stolen.status, stolen.code) == (422, "idempotency_key_reused")
    assert b"ada@example.com" not in stolen.content
    assert (again.content, again.headers["Idempotency-Replayed"]) == (first.content, "true")
    assert eve.post("/v1/x/OwnCustomer", body).code == "not_permitted"


def test_regex_routes_are_not_cached_per_path(api: Any) -> None:
    before = set(entry._static_routes)

    answers = [api().get(f"/v1/x/any/{number}") for number in range(5)]
    api().get("/v1/x/Described")

    assert {answer.code for answer in answers} == {"missing_credentials"}
    assert set(entry._static_routes) - before == {"/v1/x/Described"}


def test_plain_drf_view_does_not_treat_a_chunked_body_as_empty(client_of: Any) -> None:
    secret = client_of().secret

    answer = send_chunked("/v1/x/Guest", secret, b'{"a": 1}')

    assert (answer.status_code, answer.json()) == (201, {"a": 1})


def test_chunked_file_upload_is_parsed_as_in_drf(client_of: Any) -> None:
    sent = encode_multipart(BOUNDARY, {"file": SimpleUploadedFile("a.txt", b"hello")})

    answer = send_chunked("/v1/x/Upload", client_of().secret, sent, MULTIPART_CONTENT)

    assert (answer.status_code, answer.json()) == (201, {"text": "hello"})


@pytest.mark.parametrize("send_in_chunks", [True, False])
def test_plain_drf_view_has_the_apis_body_limit(client_of: Any, send_in_chunks: bool) -> None:
    client = client_of()
    body = b'{"a": "' + b"x" * django_settings.API_MAX_BODY_BYTES + b'"}'

    if send_in_chunks:
        answer = send_chunked("/v1/x/Guest", client.secret, body)
        found = (answer.status_code, answer.headers, answer.content)
    else:
        sent = client.post("/v1/x/Guest", raw=body)
        found = (sent.status, sent.headers, sent.content)

    assert_problem(*found, expected=(413, "body_too_large"))


def test_exception_example_of_drfs_documentation_keeps_its_status(client_of: Any) -> None:
    answer = client_of().get("/v1/x/Unavailable")

    assert_problem(answer.status, answer.headers, answer.content, expected=(503, "temporarily_unavailable"))
    assert answer.json["detail"] == "Service temporarily unavailable, try again later."
    assert answer.headers["Retry-After"] == "1"


@pytest.mark.parametrize(
    ("raised", "status", "detail", "retry_after"),
    [
        ("Busy", 423, "lock: Somebody else holds it.", "7"),
        ("Taken", 409, "sku: Taken.", None),
    ],
)
def test_custom_exception_is_returned_with_its_message_and_status(
    client_of: Any, raised: str, status: int, detail: str, retry_after: str | None
) -> None:
    answer = client_of().get("/v1/x/Raising", headers={"X-Raise": raised})

    assert (answer.status, answer.code, answer.json["status"]) == (status, "refused", status)
    assert (answer.json["detail"], answer.headers.get("Retry-After")) == (detail, retry_after)


@pytest.mark.parametrize("path", ["Described", "things", "function"])
def test_options_lists_methods_for_every_key(client_of: Any, path: str) -> None:
    client = client_of(scopes=["messaging:send"])

    options = client.request("OPTIONS", f"/v1/x/{path}")
    wrong = client.request("PUT", f"/v1/x/{path}", {})

    assert options.status in (200, 204)
    assert wrong.code == "method_not_allowed"
    assert wrong.headers["Allow"] == options.headers["Allow"]
    assert SEEN == []


def test_read_only_field_is_refused_like_an_unknown_one() -> None:
    class Fields(StrictSerializer):
        name = serializers.CharField()
        mode = serializers.CharField(read_only=True)

    strict = Fields(data={"name": "Ada", "mode": "test"})

    assert not strict.is_valid()
    assert strict.errors["mode"][0].code == "unknown_field"
    assert Fields({"name": "Ada", "mode": "live"}).data == {"name": "Ada", "mode": "live"}
