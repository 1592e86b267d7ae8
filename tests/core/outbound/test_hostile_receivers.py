"""Slow, endless and malformed responses: the call ends in time, within limits, and with a generic error."""

import asyncio
import gzip
import socket
import ssl
import threading
import tracemalloc
from typing import Any

import pytest
import trustme

from core.outbound import (
    ConnectionFailedError,
    InvalidAnswerError,
    OutboundPolicy,
    OutboundRequest,
    OutboundResponse,
    TimedOutError,
    TlsFailedError,
)
from core.outbound.addresses import parse_networks
from core.outbound.client import OutboundClient, default_tls
from tests.core.outbound.receivers import serve

LOCAL = OutboundPolicy(allowed_networks=parse_networks(["127.0.0.0/8"]))
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


async def call(answer: Any, *, total: float = 5.0, **extra: Any) -> OutboundResponse:
    async with serve(answer) as receiver:
        client = OutboundClient(LOCAL)
        try:
            return await client.send(
                OutboundRequest(
                    url=f"http://127.0.0.1:{receiver.port}/hook", body=b"{}", total_timeout=total, **extra
                )
            )
        finally:
            await client.aclose()


def forever(*chunks: bytes, pause: float = 0.0) -> Any:
    async def answer(reader: Any, writer: Any) -> None:
        for chunk in chunks[:-1]:
            writer.write(chunk)
        while True:
            writer.write(chunks[-1])
            await writer.drain()
            await asyncio.sleep(pause)

    return answer


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(forever(b"HTTP/1.1 200 OK\r\nX: ", b"a", pause=0.05), id="a header that never ends"),
        pytest.param(forever(b"", b"H", pause=60), id="silence after one byte"),
        pytest.param(
            forever(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b"a", pause=0.05),
            id="a body that trickles",
        ),
        pytest.param(forever(b"HTTP/1.1 103 Early Hints\r\n\r\n", pause=0.01), id="early hints for ever"),
    ],
)
def test_trickling_response_ends_at_the_total_deadline(answer: Any) -> None:
    with pytest.raises(TimedOutError):
        asyncio.run(call(answer, total=0.4))


def test_receiver_that_never_accepts_ends_at_the_connect_timeout() -> None:
    async def run() -> None:
        full = socket.socket()
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(full.getsockname())
        client = OutboundClient(LOCAL)
        try:
            with pytest.raises(TimedOutError):
                await client.send(
                    OutboundRequest(
                        url=f"http://127.0.0.1:{full.getsockname()[1]}/",
                        connect_timeout=0.3,
                        total_timeout=30,
                    )
                )
        finally:
            await client.aclose()
            for each in (full, *waiting):
                each.close()

    asyncio.run(asyncio.wait_for(run(), 10))


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
    ],
)
def test_endless_body_is_truncated_and_the_connection_dropped(head: bytes) -> None:
    response = asyncio.run(call(forever(head, b"x" * 65_536), max_response_bytes=1000))

    assert (response.status, response.body, response.truncated) == (200, b"x" * 1000, True)


def test_endless_chunked_body_is_truncated() -> None:
    response = asyncio.run(
        call(
            forever(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"4\r\nabcd\r\n"),
            max_response_bytes=10,
        )
    )

    assert (response.body, response.truncated) == (b"abcdabcdab", True)


def test_gzip_bomb_is_never_decompressed() -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb)
    tracemalloc.start()

    response = asyncio.run(call(head + bomb, max_response_bytes=1000))

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert response.body == bomb[:1000]
    assert peak < 5_000_000


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(forever(b"HTTP/1.1 200 OK\r\nX: ", b"a" * 65_536), id="one endless header"),
        pytest.param(forever(b"HTTP/1.1 200 OK\r\n", b"X-Y: z\r\n" * 1000), id="endless headers"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(200)) + b"\r\n",
            id="200 headers",
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nX: " + b"a" * 9000 + b"\r\nContent-Length: 0\r\n\r\n", id="a 9 kB header"
        ),
        pytest.param(forever(b"", b"A" * 65_536), id="an endless status line"),
        pytest.param(b"SSH-2.0-OpenSSH_9.9\r\n\r\n", id="another protocol"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", id="a negative length"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n", id="a broken chunk"),
    ],
)
def test_malformed_responses_are_refused_in_bounded_memory(answer: Any) -> None:
    tracemalloc.start()
    with pytest.raises(InvalidAnswerError) as refused:
        asyncio.run(call(answer))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 10_000_000
    assert refused.value.public == "The receiver's answer is not valid HTTP."


LATE_BODIES = {
    "204 with a length": b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello",
    "204 in chunks": b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "204 and more": b'HTTP/1.1 204 No Content\r\n\r\n{"ok": true}',
    "204 after a hint": b'HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n{"ok": true}',
    "202 cut short": b"HTTP/1.1 202 Accepted\r\nContent-Length: 50\r\n\r\nhello",
    "202 with a broken chunk": b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello",
    "202 cut in a chunk": b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
    "202 without a length": b"HTTP/1.1 202 Accepted\r\n\r\nhello",
}


def once(*pieces: bytes) -> Any:
    async def answer(reader: Any, writer: Any) -> None:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)

    return answer


@pytest.mark.parametrize("name", LATE_BODIES)
def test_status_decides_whatever_the_body(name: Any) -> None:
    raw = LATE_BODIES[name]
    in_one_piece = asyncio.run(call(once(raw), status_suffices=True))
    byte_by_byte = asyncio.run(call(once(*(bytes([byte]) for byte in raw)), status_suffices=True))
    assert (in_one_piece.status, byte_by_byte.status) == (int(name[:3]), int(name[:3]))


def test_endless_body_does_not_change_the_status() -> None:
    slow = forever(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", b"a", pause=0.05)
    answer = asyncio.run(call(slow, total=0.5, status_suffices=True))
    assert (answer.status, answer.truncated) == (200, True)


def test_truncated_response_raises_if_the_caller_needs_the_body() -> None:
    with pytest.raises(InvalidAnswerError):
        asyncio.run(call(once(LATE_BODIES["202 cut short"])))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_is_a_response_and_not_followed(status: int) -> None:
    async def run() -> tuple[int, int]:
        async with serve(OK) as elsewhere:
            head = f"HTTP/1.1 {status} Go\r\nLocation: http://127.0.0.1:{elsewhere.port}/\r\nContent-Length: 0\r\n\r\n"
            response = await call(head.encode())
            return response.status, elsewhere.connections

    assert asyncio.run(run()) == (status, 0)


def test_cookies_and_proxies_of_the_environment_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")

    async def run() -> list[bytes]:
        answer = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n"
        async with serve(answer) as receiver:
            client = OutboundClient(LOCAL)
            for _ in range(2):
                await client.send(
                    OutboundRequest(url=f"http://127.0.0.1:{receiver.port}/p?q=%20", body=b"{}")
                )
            await client.aclose()
            return receiver.requests

    first, second = asyncio.run(run())
    assert first == second
    assert first.startswith(b"POST /p?q=%20 HTTP/1.1\r\nHost: 127.0.0.1:")
    assert b"cookie" not in second.lower()


def test_kept_alive_connection_that_just_closed_is_replaced_only_for_repeatable_calls() -> None:
    async def run(repeatable: bool) -> int:
        async def once_then_drop(reader: Any, writer: Any) -> None:
            writer.write(OK)
            await writer.drain()
            await reader.readuntil(b"\r\n\r\n")  # the second request arrives and is dropped unanswered

        async with serve(once_then_drop) as receiver:
            client = OutboundClient(LOCAL)
            request = OutboundRequest(
                url=f"http://127.0.0.1:{receiver.port}/", body=b"{}", repeatable=repeatable
            )
            try:
                await client.send(request)
                await client.send(request)
            finally:
                await client.aclose()
            return receiver.connections

    assert asyncio.run(run(True)) == 2
    with pytest.raises(ConnectionFailedError):
        asyncio.run(run(False))


def test_tls_verifies_the_name_on_the_pinned_address() -> None:
    authority = trustme.CA()

    async def run(name: str) -> OutboundResponse:
        server_tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert("hooks.example.com").configure_cert(server_tls)
        client_tls = default_tls()
        authority.configure_trust(client_tls)
        async with serve(OK, ssl=server_tls) as receiver:
            client = OutboundClient(LOCAL, lookup=lambda host: ["127.0.0.1"], tls=client_tls)
            try:
                return await client.send(OutboundRequest(url=f"https://{name}:{receiver.port}/", body=b"{}"))
            finally:
                await client.aclose()

    assert asyncio.run(run("hooks.example.com")).status == 200
    with pytest.raises(TlsFailedError):
        asyncio.run(run("other.example.com"))


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.parametrize(
    ("limit", "trusted"),
    [(ssl.TLSVersion.TLSv1_3, False), (ssl.TLSVersion.TLSv1_1, True)],
    ids=["unknown", "1.1"],
)
def test_unknown_authority_and_tls_1_1_are_refused(limit: Any, trusted: bool) -> None:
    authority = trustme.CA()
    server_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_tls.set_ciphers("ALL:@SECLEVEL=0")
    server_tls.minimum_version = ssl.TLSVersion.TLSv1
    server_tls.maximum_version = limit
    authority.issue_cert("hooks.example.com").configure_cert(server_tls)
    client_tls = default_tls()
    if trusted:
        authority.configure_trust(client_tls)

    async def run() -> list[bytes]:
        async with serve(OK, ssl=server_tls) as receiver:
            client = OutboundClient(LOCAL, lookup=lambda host: ["127.0.0.1"], tls=client_tls)
            try:
                with pytest.raises((TlsFailedError, ConnectionFailedError)):
                    await client.send(OutboundRequest(url=f"https://hooks.example.com:{receiver.port}/"))
            finally:
                await client.aclose()
            return receiver.requests

    assert asyncio.run(run()) == []


def test_slow_name_server_delays_nobody_else() -> None:
    release = threading.Event()

    def lookup(host: str) -> list[str]:
        if host.startswith("slow"):
            release.wait(20)
        return ["127.0.0.1"]

    async def run() -> int:
        async with serve(OK) as receiver:
            client = OutboundClient(LOCAL, lookup=lookup)
            slow = [
                asyncio.create_task(
                    client.send(
                        OutboundRequest(
                            url=f"http://slow{n}.example.com:{receiver.port}/", connect_timeout=0.5
                        )
                    )
                )
                for n in range(40)
            ]
            await asyncio.sleep(0)
            good = await client.send(OutboundRequest(url=f"http://good.example.com:{receiver.port}/"))
            outcomes = await asyncio.gather(*slow, return_exceptions=True)
            assert {type(outcome) for outcome in outcomes} == {TimedOutError}
            release.set()
            await client.aclose()
            return good.status

    assert asyncio.run(run()) == 200
