"""`initial`, `handle_exception`, `finalize_response` and formats work as in DRF, inside the transaction (docs/architecture.md, The
request pipeline).
"""

from typing import Any

import pytest
from rest_framework.test import APIClient

from tests.contracts.problems import assert_common_headers
from tests.core.api.answers import names, refused
from tests.core.api.conftest import FULL
from tests.core.api.extension_views import SEEN

pytestmark = pytest.mark.usefixtures("extended")


def test_initial_runs_after_the_guard_and_before_the_handler(client_of: Any, api: Any) -> None:
    assert client_of("Ada").get("/v1/x/Initial").json == {"greeting": "Hello, Ada"}
    refusal = client_of().get("/v1/x/Initial", headers={"X-Refuse": "1"})
    assert refused(refusal, 403, "not_permitted")["detail"] == "Not before noon."
    refused(api().get("/v1/x/Initial"), 401, "missing_credentials")


@pytest.mark.parametrize("key", [None, "once"])
def test_handle_exception_is_final_and_a_custom_status_is_kept(
    world: Any, client_of: Any, key: str | None
) -> None:
    client = client_of()

    answer = client.post("/v1/x/Handling", {"name": "Ada"}, idempotency_key=key)

    assert (answer.status, answer.code) == (409, "refused")
    assert answer.json["detail"] == "Somebody else was faster."
    assert_common_headers(answer.headers)
    assert answer.headers["X-Handled"] == "Conflict"
    assert names(world) == []
    again = client.post("/v1/x/Handling", {"name": "Ada"}, idempotency_key=key)
    assert (again.status, again.headers.get("Idempotency-Replayed")) == (409, "true" if key else None)


def test_finalize_response_runs_once_and_may_change_what_is_rendered(client_of: Any) -> None:
    client = client_of()

    read = client.get("/v1/x/Wrapping")
    made = client.post("/v1/x/Wrapping", {}, idempotency_key="envelope")
    replayed = client.post("/v1/x/Wrapping", {}, idempotency_key="envelope")

    assert (read.json, read.headers["X-Final"]) == ({"enveloped": {"n": 0}}, "yes")
    assert made.json == {"enveloped": {"n": 1}}
    assert (replayed.content, replayed.headers["Idempotency-Replayed"]) == (made.content, "true")
    assert SEEN == [200, 201]


@pytest.mark.parametrize(
    ("status", "key", "calls"),
    [(422, None, 2), (422, "stored", 1), (400, "not stored", 2), (503, "neither", 2), (201, "made", 1)],
)
def test_returned_error_rolls_back_and_keeps_status_and_body(
    world: Any, client_of: Any, status: int, key: str | None, calls: int
) -> None:
    client = client_of()

    answers = [
        client.post("/v1/x/Returned", {"name": "Ada", "status": status}, idempotency_key=key)
        for _ in range(2)
    ]

    assert [(answer.status, answer.json) for answer in answers] == [(status, {"sorry": "no"})] * 2
    assert answers[0].headers["X-Own"] == "kept"
    assert len(SEEN) == calls
    assert names(world) == (["Ada"] if status < 400 else [])


@pytest.mark.parametrize("key", [None, "once"])
def test_unrenderable_response_rolls_back(world: Any, client_of: Any, key: str | None) -> None:
    refused(client_of().post("/v1/x/Unrenderable", {}, idempotency_key=key), 500, "internal_error")

    assert names(world) == []


def test_renderers_parsers_and_versioning_are_negotiated_as_drf_does(client_of: Any) -> None:
    client = client_of()

    plain = client.get("/v1/x/Formats", headers={"Accept": "text/plain; version=2"})
    json = client.get("/v1/x/Formats", headers={"Accept": "application/json; version=3"})

    assert (plain.content, plain.headers["Content-Type"]) == (
        b"format=txt\nversion=2",
        "text/plain; charset=utf-8",
    )
    assert "Accept" in plain.headers["Vary"]
    assert json.json == {"format": "json", "version": "3"}
    refused(client.get("/v1/x/Formats", headers={"Accept": "image/png"}), 406, "not_acceptable")


def test_form_is_parsed_where_a_view_takes_forms_and_has_a_fingerprint_of_its_bytes(
    world: Any, issue_key: Any
) -> None:
    client = APIClient()
    secret = issue_key(world.company, FULL).client_secret
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}", HTTP_IDEMPOTENCY_KEY="form")
    form = "application/x-www-form-urlencoded"

    made = client.post("/v1/x/Formats", "name=Ada", content_type=form)
    again = client.post("/v1/x/Formats", "name=Ada", content_type=form)
    other = client.post("/v1/x/Formats", "name=Eve", content_type=form)

    assert (made.status_code, made.json()) == (201, {"name": "Ada"})
    assert (again.content, again.headers["Idempotency-Replayed"]) == (made.content, "true")
    assert (other.status_code, other.json()["error"]["code"]) == (422, "idempotency_key_reused")
    assert client.post("/v1/customers", "name=Ada", content_type=form).status_code == 415
    assert SEEN == ["called"]


def test_streamed_response_to_a_write_is_not_stored(world: Any, issue_key: Any) -> None:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {issue_key(world.company, FULL).client_secret}")
    once = {"HTTP_IDEMPOTENCY_KEY": "once"}

    first = client.post("/v1/x/Streamed", {"name": "Ada"}, format="json", **once)
    again = client.post("/v1/x/Streamed", {"name": "Ada"}, format="json", **once)
    unkeyed = client.post("/v1/x/Streamed", {"name": "Eve"}, format="json")

    assert (first.status_code, b"".join(first)) == (200, b"one\ntwo\n")
    assert (again.status_code, again.json()["error"]["code"]) == (422, "idempotency_key_reused")
    assert again.json()["detail"] == (
        "This request was completed; its response was streamed, so it is not stored."
    )
    assert (unkeyed.status_code, b"".join(unkeyed)) == (200, b"one\ntwo\n")
    assert names(world) == ["Ada", "Eve"]
