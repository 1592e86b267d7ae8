"""Slow or silent peers occupy nothing that other requests need.

The server has two threads. Without its own handling of connections, each of these crowds would block it: a thread would wait for
every body, and idle connections would count against the limit.
"""

import contextlib
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from apikeys.services import IssuedKey
from tests.attacks.wire import connect, head, read_reply, talk
from tests.factories import World
from tests.live import web_process

BODY_SECONDS = 2.0
THREADS = 2
CROWD = 40


@pytest.fixture(scope="module")
def web() -> Iterator[Any]:
    with web_process(threads=THREADS, environment={"BODY_TIMEOUT_SECONDS": str(BODY_SECONDS)}) as server:
        yield server


@pytest.fixture
def secret(world: World, issue_key: Callable[..., IssuedKey]) -> Any:
    return issue_key(world.company, ["customers:read", "customers:write"]).client_secret


def post(secret: Any, *headers: Any) -> Any:
    return head(
        "POST /v1/customers",
        "Host: localhost",
        f"Authorization: Bearer {secret}",
        "Content-Type: application/json",
        *headers,
    )


HALF_SENT = {
    "one byte of a hundred": ("Content-Length: 100", b"{"),
    "nothing of a hundred": ("Content-Length: 100", b""),
    "a mebibyte that never comes": ("Content-Length: 1000000", b"{"),
    "chunks without a last one": ("Transfer-Encoding: chunked", b'9\r\n{"name":"\r\n'),
    "the size of a chunk": ("Transfer-Encoding: chunked", b"9"),
}


@pytest.mark.parametrize("kind", HALF_SENT)
def test_clients_that_never_finish_their_bodies_occupy_no_thread_and_time_out(
    web: Any, secret: Any, kind: Any
) -> None:
    announced, begun = HALF_SENT[kind]
    with contextlib.ExitStack() as stack:
        peers = [stack.enter_context(connect(web.port)) for _ in range(CROWD)]
        for peer in peers:
            peer.sendall(post(secret, announced) + begun)

        began = time.monotonic()
        answers = [web.request("GET", "/v1/whoami", secret=secret, timeout=BODY_SECONDS) for _ in range(3)]
        probe = web.request("GET", "/healthz", timeout=BODY_SECONDS)
        answered_while_they_waited = time.monotonic() - began < BODY_SECONDS

        replies = [read_reply(peer) for peer in peers]
        rest = [peer.recv(1) for peer in peers]

    assert [answer.status for answer in answers] == [200] * 3
    assert probe.status == 200
    assert answered_while_they_waited
    assert {reply.status for reply in replies} == {400}
    assert all(b'"incomplete_body"' in reply.raw for reply in replies)
    assert set(rest) == {b""}, "the connection ends with the answer"


def test_body_that_keeps_arriving_may_take_longer(web: Any, secret: Any) -> None:
    name = "x" * 190
    body = b'{"name":"' + name.encode() + b'"' + b" " * 60_000 + b"}"
    began = time.monotonic()
    with connect(web.port) as peer:
        peer.sendall(post(secret, "Transfer-Encoding: chunked"))
        for start in range(0, len(body), 10_000):
            piece = body[start : start + 10_000]
            peer.sendall(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
            time.sleep(BODY_SECONDS / 5)
        assert time.monotonic() - began > BODY_SECONDS
        peer.sendall(b"0\r\n\r\n")
        assert read_reply(peer).status == 201


def test_silent_connections_do_not_count_against_active_ones(web: Any, secret: Any) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(1_400):
            stack.enter_context(connect(web.port))
        half = [stack.enter_context(connect(web.port)) for _ in range(100)]
        for peer in half:
            peer.sendall(b"GET /v1/whoami HTTP/1.1\r\nHost: loc")

        assert web.request("GET", "/v1/whoami", secret=secret, timeout=10).status == 200
        assert web.request("GET", "/healthz", timeout=10).status == 200


def test_probes_do_not_occupy_worker_threads(web: Any, secret: Any, world: World) -> None:
    """Every thread waits for a lock on the customer that they change; the probes do not wait with them."""
    from django.db import transaction

    from billing.models import Customer
    from core.tenancy import tenant_context
    from tests.factories import make_customer

    customer = make_customer(world.tenant())
    with ThreadPoolExecutor(4) as pool:
        with tenant_context(world.tenant()), transaction.atomic():
            Customer.objects.select_for_update().get(id=customer.id)
            held = [
                pool.submit(
                    web.request,
                    "PATCH",
                    f"/v1/customers/{customer.public_id}",
                    body={"name": "Ada"},
                    secret=secret,
                )
                for _ in range(THREADS)
            ]
            assert not any(future.done() for future in held)
            for path in ("/healthz", "/readyz", "/metrics"):
                assert web.request("GET", path, timeout=10).status == 200
            assert not any(future.done() for future in held)
        assert {future.result().status for future in held} == {200}


def test_oversized_body_is_refused_unread_and_its_connection_ends(web: Any, secret: Any) -> None:
    reply = talk(web.port, post(secret, "Content-Length: 50000000") + b"{")
    assert (reply.status, b'"body_too_large"' in reply.raw) == (413, True)
    assert b"connection: close" in reply.raw.lower()
