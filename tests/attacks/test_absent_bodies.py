"""A missing or truncated body never counts as consent to a default.

Each request here is a valid one damaged by the network: the client disconnected, a proxy truncated it, a chunk size was garbled, an
HTTP/2 stream was reset. With a real server, because an in-process client has no network to lose anything on.
"""

import io
import json
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from apikeys.services import IssuedKey
from billing.models import Customer, Refund
from core.tenancy import tenant_context
from tests.attacks.wire import (
    CANCEL,
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    NO_ERROR,
    PREFACE,
    RST_STREAM,
    SETTINGS,
    connect,
    frame,
    head,
    header_block,
    talk,
)
from tests.billing.factories import make_settled_charge
from tests.clients import ApiClient
from tests.factories import World, make_customer
from tests.live import WebProcess, web_process
from tests.webhooks.steps import make_endpoint
from webhooks.models import EndpointSecret


@pytest.fixture(scope="module")
def web() -> Iterator[WebProcess]:
    with web_process(threads=2, is_forked=True) as server:
        yield server


@dataclass
class Call:
    """An operation whose body matters, and how to see whether anything came of it."""

    method: str
    path: str
    body: bytes
    key: str
    untouched: Callable[[], bool]


@pytest.fixture(params=["refund", "rotate", "patch"])
def call(request: pytest.FixtureRequest, world: World, issue_key: Callable[..., IssuedKey]) -> Call:
    tenant = world.tenant()
    key = issue_key(world.company, ["charges:write", "customers:write", "webhooks:write"]).client_secret
    if request.param == "refund":
        charge = make_settled_charge(tenant)
        return Call(
            "POST", f"/v1/charges/{charge.public_id}/refunds", b'{"amount": 100}', key,
            lambda: not Refund.objects.filter(charge=charge.id).exists(),
        )  # fmt: skip
    if request.param == "rotate":
        endpoint, _ = make_endpoint(tenant, "https://example.com/hook")
        with tenant_context(tenant):
            before = set(EndpointSecret.objects.filter(endpoint=endpoint.id).values_list("id", flat=True))
        return Call(
            "POST", f"/v1/webhook_endpoints/{endpoint.public_id}/rotate_secret", b'{"overlap": "24h"}', key,
            lambda: set(EndpointSecret.objects.filter(endpoint=endpoint.id).values_list("id", flat=True)) == before,
        )  # fmt: skip
    customer = make_customer(tenant)
    return Call(
        "PATCH", f"/v1/customers/{customer.public_id}", b'{"name": "Grace"}', key,
        lambda: Customer.objects.get(id=customer.id).name == customer.name,
    )  # fmt: skip


def lines(call: Any, *more: Any) -> Any:
    return (
        "Host: localhost",
        f"Authorization: Bearer {call.key}",
        "Content-Type: application/json",
        "Idempotency-Key: one",
        *more,
    )


def assert_refused(world: World, call: Any, status: Any, raw: Any) -> None:
    assert (status, b'"incomplete_body"' in raw) == (400, True), raw[:500]
    with tenant_context(world.tenant()):
        assert call.untouched()


CUT = {
    "nothing of what was announced": ("Content-Length: {length}", b""),
    "all but the last byte": ("Content-Length: {length}", "short"),
    "chunks cut before the first": ("Transfer-Encoding: chunked", b""),
    "chunks cut in a size": ("Transfer-Encoding: chunked", b"1"),
    "chunks without the last": ("Transfer-Encoding: chunked", "whole"),
    "a size that is no number": ("Transfer-Encoding: chunked", b"zz\r\n{}\r\n0\r\n\r\n"),
    "only the last chunk": ("Transfer-Encoding: chunked", b"0\r\n\r\n"),
}


@pytest.mark.parametrize("kind", CUT)
def test_truncated_body_changes_nothing(web: WebProcess, world: World, call: Call, kind: Any) -> None:
    announced, sent = CUT[kind]
    if sent == "short":
        sent = call.body[:-1]
    elif sent == "whole":
        sent = f"{len(call.body):x}\r\n".encode() + call.body + b"\r\n"
    request = head(f"{call.method} {call.path}", *lines(call, announced.format(length=len(call.body))))

    # Whoever has said everything waits for the answer; the others are gone, or a proxy is that cut them off.
    reply = talk(web.port, request + sent, half_close=kind != "only the last chunk")

    assert_refused(world, call, reply.status, reply.raw)


@pytest.mark.parametrize("sent", [b"", b'{"amount": 1'])
def test_disconnected_client_changes_nothing(web: WebProcess, world: World, call: Call, sent: bytes) -> None:
    with connect(web.port) as peer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # closes with a reset
        peer.sendall(head(f"{call.method} {call.path}", *lines(call, "Content-Length: 400")) + sent)
    # A later request on the same server, answered by the same threads: the first one has been dealt with.
    assert talk(web.port, head("GET /v1/whoami", *lines(call))).status == 200
    with tenant_context(world.tenant()):
        assert call.untouched()


class Http2:
    """One HTTP/2 connection in clear, by prior knowledge."""

    def __init__(self, web: Any) -> None:
        self.peer = connect(web.port)
        self.peer.sendall(PREFACE + frame(SETTINGS, 0, 0))

    def begin(self, call: Any, *more: Any) -> None:
        block = header_block(
            [
                (":method", call.method), (":scheme", "http"), (":path", call.path), (":authority", "localhost"),
                ("authorization", f"Bearer {call.key}"), ("content-type", "application/json"), *more,
            ]
        )  # fmt: skip
        self.peer.sendall(frame(HEADERS, END_HEADERS, 1, block))

    def data(self, payload: bytes, *, end: bool) -> None:
        self.peer.sendall(frame(DATA, END_STREAM if end else 0, 1, payload))

    def reset(self, code: int) -> None:
        self.peer.sendall(frame(RST_STREAM, 0, 1, code.to_bytes(4, "big")))

    def answer(self) -> bytes:
        """Everything until the stream ends, from our side or the server's."""
        received = b""
        while True:
            while len(received) >= 9 and len(received) >= 9 + (size := int.from_bytes(received[:3], "big")):
                kind, flags, stream = received[3], received[4], int.from_bytes(received[5:9], "big")
                payload, received = received[9 : 9 + size], received[9 + size :]
                if stream == 1 and kind == DATA:
                    self.body += payload
                if stream == 1 and (kind == RST_STREAM or flags & END_STREAM):
                    return self.body
            chunk = self.peer.recv(65_536)
            if not chunk:
                return self.body
            received += chunk

    body = b""


@pytest.mark.parametrize("sent", [b"", b'{"amount"'])
@pytest.mark.parametrize("code", [NO_ERROR, CANCEL, 0x2])
def test_stream_that_was_reset_changes_nothing(
    web: WebProcess, world: World, call: Call, sent: bytes, code: Any
) -> None:
    stream = Http2(web)
    stream.begin(call)
    if sent:
        stream.data(sent, end=False)
    stream.reset(code)
    stream.peer.close()
    assert talk(web.port, head("GET /v1/whoami", *lines(call))).status == 200
    with tenant_context(world.tenant()):
        assert call.untouched()


def test_stream_without_its_body_is_refused(web: WebProcess, world: World, call: Call) -> None:
    stream = Http2(web)
    stream.begin(call)
    stream.data(b"", end=True)
    body = stream.answer()
    assert json.loads(body)["error"]["code"] == "incomplete_body"
    with tenant_context(world.tenant()):
        assert call.untouched()


@pytest.mark.parametrize("last_frame_is_empty", [False, True])
def test_chunked_body_is_read_completely(
    web: WebProcess, world: World, call: Call, last_frame_is_empty: bool
) -> None:
    stream = Http2(web)
    stream.begin(call)
    stream.data(call.body[:5], end=False)
    stream.data(b"", end=False)
    stream.data(call.body[5:], end=not last_frame_is_empty)
    if last_frame_is_empty:
        stream.data(b"", end=True)
    assert "error" not in json.loads(stream.answer())
    with tenant_context(world.tenant()):
        assert not call.untouched()


@pytest.mark.parametrize("path", ["/callbacks/nobody/", "/accounts/login/"])
def test_callbacks_and_forms_refuse_truncated_bodies_too(web: WebProcess, path: str) -> None:
    reply = talk(
        web.port, head(f"POST {path}", "Host: localhost", "Content-Length: 20") + b"a=b", half_close=True
    )
    assert reply.status == 400
    assert b"The request body did not arrive" in reply.raw


# --- The larger of two choices is asked for by name ----------------------------------------------------------------------


@pytest.fixture
def client(world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]) -> ApiClient:
    return api(issue_key(world.company, ["charges:write", "customers:write", "webhooks:write"]).client_secret)


@pytest.mark.parametrize(
    "body",
    [
        None,
        {},
        {"full": False},
        {"amount": 100, "full": True},
        {"amount": None},
        {"full": "true"},
        {"full": 1},
    ],
)
def test_refund_requires_an_amount_or_full(
    world: World, client: ApiClient, body: dict[str, Any] | None
) -> None:
    charge = make_settled_charge(world.tenant())
    answer = client.post(f"/v1/charges/{charge.public_id}/refunds", body)
    assert (answer.status, answer.code) == (400, "validation_failed")
    with tenant_context(world.tenant()):
        assert not Refund.objects.exists()


def test_the_rest_of_a_charge_is_refunded_when_full_is_requested(world: World, client: ApiClient) -> None:
    charge = make_settled_charge(world.tenant())
    path = f"/v1/charges/{charge.public_id}/refunds"
    assert client.post(path, {"amount": 100}).status == 201
    rest = client.post(path, {"full": True})
    assert (rest.status, rest.json["amount"]) == (201, charge.amount - 100)


@pytest.mark.parametrize("body", [None, {}])
def test_rotation_requires_an_overlap(world: World, client: ApiClient, body: dict[str, Any] | None) -> None:
    endpoint, _ = make_endpoint(world.tenant(), "https://example.com/hook")
    answer = client.post(f"/v1/webhook_endpoints/{endpoint.public_id}/rotate_secret", body)
    assert (answer.status, answer.code) == (400, "validation_failed")
    assert [field["field"] for field in answer.json["error"]["fields"]] == ["overlap"]
    with tenant_context(world.tenant()):
        assert EndpointSecret.objects.filter(endpoint=endpoint.id).count() == 1


@pytest.mark.parametrize("body", [None, {}])
@pytest.mark.parametrize("resource", ["customers", "invoices", "webhook_endpoints"])
def test_empty_patch_is_refused(
    world: World,
    client: ApiClient,
    issue_key: Callable[..., IssuedKey],
    api: Callable[..., ApiClient],
    resource: str,
    body: dict[str, Any] | None,
) -> None:
    from tests.contracts.samples import OBJECTS

    client = api(
        issue_key(world.company, ["customers:write", "invoices:write", "webhooks:write"]).client_secret
    )
    answer = client.patch(f"/v1/{resource}/{OBJECTS[resource](world.tenant())}", body)
    assert (answer.status, answer.code) == (400, "validation_failed")


def test_body_shortened_by_the_wsgi_server_is_refused(world: World, client: ApiClient) -> None:
    charge = make_settled_charge(world.tenant())
    answer = client.client.generic(
        "POST",
        f"/v1/charges/{charge.public_id}/refunds",
        content_type="application/json",
        headers={"Authorization": f"Bearer {client.secret}"},
        **{"CONTENT_LENGTH": "15", "wsgi.input": io.BytesIO(b"")},
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "incomplete_body")
