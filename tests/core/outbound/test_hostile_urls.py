"""Every URL of the corpus is refused, and a server in the private network gets no connection."""

import asyncio
from collections import defaultdict
from typing import Any

import pytest

from core.outbound import OutboundError, OutboundPolicy, OutboundRequest, UrlRefusedError, check_url
from core.outbound.addresses import parse_networks
from core.outbound.client import OutboundClient
from tests.core.outbound.corpus import HOSTILE, LITERALS, NAMES
from tests.core.outbound.receivers import serve

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


class NameServer:
    """Answers from the corpus, a changing name with its next answer each time; the last one is repeated."""

    def __init__(self) -> None:
        self.asked: dict[str, int] = defaultdict(int)

    def __call__(self, host: str) -> list[str]:
        if host not in NAMES:
            raise OSError(f"no such name: {host}")
        answers = NAMES[host]
        answer = answers[min(self.asked[host], len(answers) - 1)]
        self.asked[host] += 1
        return list(answer)


def test_url_corpus_is_large_and_has_no_duplicates() -> None:
    assert len(HOSTILE) == len(set(HOSTILE))
    assert len(HOSTILE) >= 80


def test_no_hostile_url_reaches_the_private_network() -> None:
    async def run() -> tuple[int, list[str]]:
        async with serve(OK, host="0.0.0.0") as sink:
            client = OutboundClient(
                OutboundPolicy(ports=frozenset({80, 443, 8443, sink.port})), lookup=NameServer()
            )
            answered = []
            for template in HOSTILE:
                url = template.replace("{port}", str(sink.port))
                try:
                    await client.send(
                        OutboundRequest(url=url, body=b"{}", connect_timeout=0.5, total_timeout=0.5)
                    )
                except (UrlRefusedError, OutboundError):
                    continue
                answered.append(url)
            await client.aclose()
            return sink.connections, answered

    hits, answered = asyncio.run(run())

    assert answered == []
    assert hits == 0


def test_connection_reaches_an_explicitly_allowed_network() -> None:
    """The control: without it the test above could pass because nothing ever connects."""

    async def run() -> int:
        async with serve(OK, host="0.0.0.0") as sink:
            client = OutboundClient(
                OutboundPolicy(allowed_networks=parse_networks(["127.0.0.0/8"])), lookup=NameServer()
            )
            for url in (
                "http://127.0.0.1:{}/",
                "http://loop.example.com:{}/",
                "http://mixed.example.com:{}/",
            ):
                response = await client.send(OutboundRequest(url=url.format(sink.port), body=b"{}"))
                assert response.status == 200
            await client.aclose()
            return sink.connections

    assert asyncio.run(run()) == 3


@pytest.mark.parametrize("template", LITERALS)
def test_ip_literal_is_refused_without_resolving(template: Any) -> None:
    """A form can say so at once, without a look-up."""
    with pytest.raises(UrlRefusedError):
        check_url(template.replace("{port}", "443"), OutboundPolicy())


@pytest.mark.parametrize("name", sorted(NAMES))
def test_host_name_gets_one_error_whatever_it_resolves_to(name: Any) -> None:
    """No oracle: private, missing and empty names fail alike, so nobody can map the private network."""

    async def run() -> OutboundError:
        client = OutboundClient(OutboundPolicy(), lookup=NameServer())
        with pytest.raises(OutboundError) as refused:
            await client.send(OutboundRequest(url=f"https://{name}/", body=b"{}"))
        with pytest.raises(OutboundError) as unknown:
            await client.send(OutboundRequest(url="https://unknown.example.com/", body=b"{}"))
        await client.aclose()
        assert refused.value.public == unknown.value.public
        return refused.value

    assert asyncio.run(run()).kind == "connection_failed"


def test_rebinding_name_is_resolved_once_per_connection() -> None:
    """The address that was judged is the one that is called: nothing looks the name up again in between."""

    async def run() -> tuple[int, int]:
        names = NameServer()
        async with serve(OK, host="0.0.0.0") as sink:
            client = OutboundClient(OutboundPolicy(ports=frozenset({sink.port})), lookup=names)
            with pytest.raises(OutboundError):
                await client.send(OutboundRequest(url=f"http://rebinds.example.com:{sink.port}/"))
            await client.aclose()
            return names.asked["rebinds.example.com"], sink.connections

    assert asyncio.run(run()) == (1, 0)


@pytest.mark.parametrize("port", [22, 25, 5432, 6379, 8000, 65535])
def test_other_ports_of_public_hosts_are_refused(port: int) -> None:
    for host in ("93.184.216.34", "[2606:2800:220:1:248:1893:25c8:1946]", "example.com"):
        with pytest.raises(UrlRefusedError) as refused:
            check_url(f"https://{host}:{port}/", OutboundPolicy())
        assert refused.value.code == "url_port"


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("https://example.com", "https://example.com/"),
        ("HTTPS://EXAMPLE.com:443/Hook?a=1&b=%20", "https://example.com/Hook?a=1&b=%20"),
        ("https://bücher.example/h", "https://xn--bcher-kva.example/h"),
        ("http://example.com:8443/", "http://example.com:8443/"),
        ("https://8.8.8.8/", "https://8.8.8.8/"),
        ("https://[2606:4700::1111]/x", "https://[2606:4700::1111]/x"),
        ("https://hooks_1.example.com/a/../b", "https://hooks_1.example.com/a/../b"),
    ],
)
def test_valid_urls_are_accepted_and_normalized(text: str, stored: str) -> None:
    assert check_url(text, OutboundPolicy()).url == stored


def test_allowed_network_permits_nothing_else() -> None:
    policy = OutboundPolicy(allowed_networks=parse_networks(["10.1.0.0/16", "fd00::/64"]))

    assert check_url("http://10.1.2.3:9000/", policy).port == 9000
    assert check_url("http://[fd00::5]:9000/", policy).port == 9000
    for url in (
        "http://10.2.0.1/",
        "http://127.0.0.1/",
        "http://[::ffff:10.1.2.3]/",
        "http://[64:ff9b::10.1.2.3]/",
        "http://[fd00:0:0:1::1]/",
        "http://8.8.8.8:9000/",
    ):
        with pytest.raises(UrlRefusedError):
            check_url(url, policy)
