"""Requests through real proxies: clients cannot forge the proxy's headers, and truncated bodies are refused."""

import contextlib
import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from billing.models import Refund
from core.api.waiting import LONGEST_SECONDS
from core.tenancy import tenant_context
from tests.attacks.wire import (
    CANCEL,
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    PREFACE,
    RST_STREAM,
    SETTINGS,
    frame,
    head,
    header_block,
)
from tests.billing.factories import make_settled_charge
from tests.factories import make_customer
from tests.live import WebProcess
from tests.proxies.conftest import METRICS_TOKEN
from tests.proxies.servers import Proxy
from tests.waiting import wait_until
from webhooks.relay import relay_events

FORGED = "203.0.113.7"


@pytest.fixture
def secret_of(world: Any, issue_key: Any) -> Any:
    """`secret_of(address)` is a key that may be used from there only."""
    return lambda address: (
        issue_key(world.company, ["charges:write"], allowed_networks=[f"{address}/32"]).client_secret
    )


def whoami(secret: str, *lines: str) -> bytes:
    return head("GET /v1/whoami", "Host: localhost", f"Authorization: Bearer {secret}", "Accept: */*", *lines)


def code(raw: bytes) -> str:
    return raw.partition(b'"code":"')[2].partition(b'"')[0].decode()


def test_client_address_is_taken_from_the_proxy(proxy: Proxy, secret_of: Any) -> None:
    assert proxy.talk(whoami(secret_of(proxy.client))).status == 200

    refused = proxy.talk(whoami(secret_of(FORGED)))

    assert (refused.status, code(refused.raw)) == (403, "ip_not_allowed")


NAMES = {
    "X-Forwarded-For": FORGED,
    "X_Forwarded_For": FORGED,
    "X-Forwarded_For": FORGED,
    "x_forwarded-for": FORGED,
    "X-Real-IP": FORGED,
    "Forwarded": f"for={FORGED};proto=https",
    "Forwarded ": f"for={FORGED};proto=https",
    "X-Forwarded-For ": FORGED,
    " X-Forwarded-For": FORGED,
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("times", [1, 2])
def test_forged_client_address_is_ignored(proxy: Proxy, secret_of: Any, name: str, times: int) -> None:
    lines = [f"{name}: {NAMES[name]}"] * times

    answer = proxy.talk(whoami(secret_of(FORGED), *lines))

    assert answer.status in (400, 403), answer.raw[:300]
    # The proxy itself refuses what is no header; what it passes on is decided by the address that it knows.
    assert answer.status == 400 or code(answer.raw) == "ip_not_allowed"


@pytest.mark.parametrize(
    "lines",
    [
        [f"X-Forwarded-For: 198.51.100.9, {FORGED}"],
        ["X-Forwarded-For:", f" {FORGED}"],
        [f"X-Forwarded-For: {FORGED},"],
        ["X-Forwarded-For: 127.0.0.1", f"X-Forwarded-For: {FORGED}"],
        ["Connection: X-Forwarded-For, X-Forwarded-Proto, Forwarded", f"X-Forwarded-For: {FORGED}"],
        [f'Forwarded: for="{FORGED}', f"Forwarded: for={FORGED}"],
    ],
    ids=["list", "folded", "comma", "two hops", "hop-by-hop", "open quote"],
)
def test_repeated_or_folded_header_is_rejected(proxy: Proxy, secret_of: Any, lines: list[str]) -> None:
    answer = proxy.talk(whoami(secret_of(FORGED), *lines))

    assert answer.status in (400, 403), answer.raw[:300]
    assert answer.status == 400 or code(answer.raw) in ("ip_not_allowed", "https_required")


@pytest.mark.parametrize(
    "lines",
    [
        [],
        ["X-Forwarded-Proto: https"],
        ["X-Forwarded-Proto: https", "X-Forwarded-Proto: https"],
        ["X_Forwarded_Proto: https"],
        ["X-Forwarded_Proto: https", "x_forwarded-proto: https"],
        ["Forwarded: for=198.51.100.9;proto=https"],
        ["X-Forwarded-Ssl: on", "Front-End-Https: on", "X-Forwarded-Scheme: https"],
    ],
)
def test_plain_http_is_not_mistaken_for_https(proxy: Proxy, secret_of: Any, lines: list[str]) -> None:
    answer = proxy.talk(whoami(secret_of(proxy.client), *lines), tls=False)

    assert (answer.status, code(answer.raw)) == (403, "https_required"), answer.raw[:300]


# --- answers that wait ------------------------------------------------------------------------------------------------


@pytest.fixture
def reader(world: Any, issue_key: Any) -> Any:
    return issue_key(world.company, ["events:read", "customers:read"]).client_secret


def events(secret: str) -> bytes:
    path = f"GET /v1/events?order=oldest_first&wait={LONGEST_SECONDS}"
    return head(path, "Host: localhost", f"Authorization: Bearer {secret}", "Connection: close")


def test_long_poll_responds_with_the_event(proxy: Proxy, web: WebProcess, world: Any, reader: str) -> None:
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(proxy.talk, events(reader))
        wait_until(lambda: waiting(web) == 1)
        begun = time.monotonic()
        customer = make_customer(world.tenant())
        while relay_events().waiting:
            pass
        answer = asked.result()

    assert (answer.status, customer.public_id.encode() in answer.raw) == (200, True), answer.raw[:300]
    assert time.monotonic() - begun < LONGEST_SECONDS / 2


def test_long_poll_may_last_its_maximum(proxy: Proxy, reader: str) -> None:
    begun = time.monotonic()

    answer = proxy.talk(events(reader))

    assert (answer.status, b'"data":[]' in answer.raw) == (200, True), answer.raw[:300]
    assert time.monotonic() - begun > LONGEST_SECONDS - 1


def waiting(web: WebProcess) -> float:
    told = web.request("GET", "/metrics", secret=METRICS_TOKEN).content.decode()
    return sum(float(each) for each in re.findall(r"^pomelo_requests_waiting\S* (\S+)$", told, re.MULTILINE))


# --- bodies -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def refund(world: Any, proxy: Proxy, secret_of: Any) -> Any:
    """A refund that would be asked for: its path, its key, and whether it was made."""

    class Call:
        charge = make_settled_charge(world.tenant())
        path = f"/v1/charges/{charge.public_id}/refunds"
        key = secret_of(proxy.client)
        body = b'{"amount": 100}'

        def lines(self, *more: str) -> bytes:
            return head(
                f"POST {self.path}",
                "Host: localhost",
                f"Authorization: Bearer {self.key}",
                "Content-Type: application/json",
                *more,
            )

        def made(self) -> list[int]:
            with tenant_context(world.tenant()):
                found = Refund.objects.filter(charge=self.charge.id)
                return list(found.values_list("amount", flat=True))

    return Call()


def then_settled(proxy: Proxy, refund: Any) -> None:
    """Once a later request has been answered, the first has been dealt with."""
    assert proxy.talk(whoami(refund.key)).status == 200


@pytest.mark.parametrize(
    ("announced", "sent"),
    [
        ("Content-Length: 15", b""),
        ("Content-Length: 15", b'{"amount": 100'),
        ("Transfer-Encoding: chunked", b""),
        ("Transfer-Encoding: chunked", b"f\r\n"),
        ("Transfer-Encoding: chunked", b'f\r\n{"amount": 100}\r\n'),
        ("Transfer-Encoding: chunked", b"zz\r\n{}\r\n0\r\n\r\n"),
        ("Transfer-Encoding: chunked", b"0\r\n\r\n"),
    ],
)
def test_truncated_body_refunds_nothing(proxy: Proxy, refund: Any, announced: str, sent: bytes) -> None:
    with proxy.connect() as peer, contextlib.suppress(OSError):
        peer.sendall(refund.lines(announced) + sent)
        if sent.endswith(b"0\r\n\r\n"):
            # Some proxies answer by themselves, and one calls it a fault of the server behind it.
            assert peer.recv(65_536)[9:12] in (b"400", b"502")

    then_settled(proxy, refund)
    assert refund.made() == []


class Http2:
    """One HTTP/2 stream to a proxy."""

    def __init__(self, proxy: Proxy, refund: Any, *more: tuple[str, str]) -> None:
        self.peer = proxy.connect(protocol="h2")
        block = header_block(
            [
                (":method", "POST"), (":scheme", "https"), (":path", refund.path), (":authority", "localhost"),
                ("authorization", f"Bearer {refund.key}"), ("content-type", "application/json"), *more,
            ]
        )  # fmt: skip
        self.peer.sendall(PREFACE + frame(SETTINGS, 0, 0) + frame(HEADERS, END_HEADERS, 1, block))

    def data(self, payload: bytes, *, end: bool) -> None:
        self.peer.sendall(frame(DATA, END_STREAM if end else 0, 1, payload))

    def answer(self) -> bytes:
        """The body of the answer, or nothing where the proxy ended the stream."""
        received, body = b"", b""
        while chunk := self.peer.recv(65_536):
            received += chunk
            while len(received) >= 9 + int.from_bytes(received[:3], "big"):
                size = int.from_bytes(received[:3], "big")
                kind, flags, stream = received[3], received[4], int.from_bytes(received[5:9], "big")
                body += received[9 : 9 + size] if stream == 1 and kind == DATA else b""
                received = received[9 + size :]
                if stream == 1 and (kind == RST_STREAM or (flags & END_STREAM and kind in (DATA, HEADERS))):
                    return body
        return body


@pytest.mark.parametrize("length", [[], [("content-length", "15")]])
def test_http2_body_arrives_with_and_without_content_length(
    proxy: Proxy, refund: Any, length: list[tuple[str, str]]
) -> None:
    stream = Http2(proxy, refund, *length)
    stream.data(refund.body[:5], end=False)
    stream.data(refund.body[5:], end=True)

    assert json.loads(stream.answer())["amount"] == 100
    assert refund.made() == [100]


@pytest.mark.parametrize(
    ("length", "sent"),
    [
        ([], b""),
        ([], b'{"amount": 1'),
        # All of it, but nobody has said so.
        ([], b'{"amount": 100}'),
        ([("content-length", "15")], b""),
        ([("content-length", "15")], b'{"amount": 100'),
    ],
)
@pytest.mark.parametrize("ending", ["reset", "gone"])
def test_truncated_http2_stream_refunds_nothing(
    proxy: Proxy, refund: Any, length: list[tuple[str, str]], sent: bytes, ending: str
) -> None:
    stream = Http2(proxy, refund, *length)
    if sent:
        stream.data(sent, end=False)
    if ending == "reset":
        stream.peer.sendall(frame(RST_STREAM, 0, 1, CANCEL.to_bytes(4, "big")))
    stream.peer.close()

    then_settled(proxy, refund)
    assert refund.made() == []


@pytest.mark.parametrize("sent", [b"", b'{"amount": 1}'])
def test_http2_stream_shorter_than_its_content_length_refunds_nothing(
    proxy: Proxy, refund: Any, sent: bytes
) -> None:
    stream = Http2(proxy, refund, ("content-length", "15"))
    with contextlib.suppress(OSError):
        stream.data(sent, end=True)
        stream.answer()
    stream.peer.close()

    then_settled(proxy, refund)
    assert refund.made() == []
