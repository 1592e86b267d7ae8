"""The client's request ID and the trace ID are stored with a request and can be searched."""

import uuid
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from apikeys.services import IssuedKey
from audit.ingest import batches, buffer, rows
from audit.ingest.store import store
from audit.ingest.writer import Writer
from audit.models import RequestLog, SealHead
from audit.seals.content import hashed_request
from audit.signing import canonical
from audit.verification import verify_chain
from core.security import sealed
from core.tenancy import system_context, tenant_context
from core.values import ids
from tests.audit.rows import make_row
from tests.clients import ApiClient, sign_in
from tests.factories import World

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


def drain() -> None:
    assert buffer.BUFFER.flush()
    Writer("test").drain(seconds=30)


def findings(world: World) -> Any:
    with system_context(reason="tests"):
        heads = list(SealHead.objects.filter(company_id=world.company.id, stream="requests"))
    assert heads
    return [str(found) for head in heads for found in verify_chain(head) if found.what != "unsigned"]


@pytest.fixture
def client(world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]) -> ApiClient:
    return api(issue_key(world.company, ["audit:read"]).client_secret)


def test_client_and_server_request_ids_both_find_the_request(client: ApiClient, world: World) -> None:
    sent = {"X-Request-Id": "order-4711", "traceparent": PARENT}
    asked = client.get("/v1/whoami", headers=sent)
    client.get("/v1/whoami")
    drain()

    own_id = asked.headers["X-Request-Id"]
    found = client.get(f"/v1/request_logs/{own_id}").json
    by_id = client.get("/v1/request_logs?client_request_id=order-4711").json["data"]
    by_trace = client.get(f"/v1/request_logs?trace_id={TRACE}").json["data"]

    assert (found["client_request_id"], found["traceparent"]) == ("order-4711", PARENT)
    assert [row["id"] for row in by_id] == [row["id"] for row in by_trace] == [own_id]
    assert findings(world) == []

    browser = sign_in(world.owner, world.company)
    page = browser.get(f"/requests/{own_id}/").content.decode()
    assert "order-4711" in page
    assert TRACE in page
    for query in ("client_request_id=order-4711", f"q={TRACE}"):
        listed = browser.get(f"/requests/?{query}").content.decode()
        assert listed.count('class="cell-title') == 1


def test_the_alternative_header_name_is_accepted(client: ApiClient) -> None:
    asked = client.get("/v1/whoami", headers={"X-Client-Request-Id": "job 7"})
    drain()

    assert (
        client.get(f"/v1/request_logs/{asked.headers['X-Request-Id']}").json["client_request_id"] == "job 7"
    )


def test_credential_in_the_text_is_redacted(client: ApiClient) -> None:
    asked = client.get("/v1/whoami", headers={"X-Request-Id": f"run {client.secret}"})
    drain()

    kept = client.get(f"/v1/request_logs/{asked.headers['X-Request-Id']}").json["client_request_id"]
    assert client.secret not in kept
    assert kept.startswith("run ")


@pytest.mark.parametrize(
    ("header", "kept"),
    [
        (PARENT, PARENT),
        (f" {PARENT} ", PARENT),
        (f"cc-{TRACE}-00f067aa0ba902b7-00-what-comes-later", f"00-{TRACE}-00f067aa0ba902b7-00"),
        (f"ff-{TRACE}-00f067aa0ba902b7-01", ""),
        (f"00-{'0' * 32}-00f067aa0ba902b7-01", ""),
        (f"00-{TRACE}-{'0' * 16}-01", ""),
        (PARENT.upper(), ""),
        (PARENT[:-1], ""),
        ("", ""),
        ("x" * 100_000, ""),
    ],
)
def test_trace_id_is_stored_in_canonical_form_or_not_at_all(header: Any, kept: Any) -> None:
    assert rows.plain_traceparent(header) == kept


@pytest.mark.parametrize("asked", ["trace_id=xyz", f"trace_id={TRACE.upper()}"])
def test_invalid_traceparent_is_refused(client: ApiClient, asked: str) -> None:
    answer = client.get(f"/v1/request_logs?{asked}")

    assert (answer.status, answer.code) == (400, "validation_failed")
    assert answer.json["error"]["fields"][0]["field"] == "trace_id"


def test_rows_sealed_before_client_ids_existed_still_verify(world: World) -> None:
    """A row without either is hashed as the release before hashed it."""
    former = make_row(world.company.id)[: len(rows.FORMER_CONTENT)]

    assert canonical(hashed_request(rows.pad(former))) == canonical(former)
    store([rows.pad(former)])
    assert findings(world) == []


def test_batch_of_the_previous_release_is_written(world: World) -> None:
    former = make_row(world.company.id)[: len(rows.FORMER_CONTENT)]
    payload = sealed.seal(batches.FORMER_SCHEMA, orjson.dumps([former]))

    (row,) = batches.unpack(payload)
    store([row])

    with tenant_context(world.tenant()):
        kept = RequestLog.objects.get(id=uuid.UUID(former[0]))
    assert (kept.public_id, kept.client_request_id, kept.traceparent) == (
        ids.encode("req", uuid.UUID(former[0])),
        "",
        "",
    )
