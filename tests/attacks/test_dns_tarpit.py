"""Unresponsive name servers delay only their own company's webhooks."""

import asyncio
import socket
import struct
import threading
from collections.abc import Iterator

import pytest

from core.outbound import ConnectionFailedError, OutboundPolicy, OutboundRequest, TimedOutError
from core.outbound.addresses import parse_networks
from core.outbound.client import OutboundClient
from core.outbound.resolver import LOOKUPS_PER_OWNER, NameServers
from tests.core.outbound.receivers import serve

LOCAL = OutboundPolicy(allowed_networks=parse_networks(["127.0.0.0/8"]))
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
SILENT = [f"silent{number}.example" for number in range(200)]


class FakeNameServer:
    """A real name server on loopback: it knows `honest.example`, and never answers for a silent name."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.asked: list[str] = []
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                question, peer = self._socket.recvfrom(4096)
            except OSError:
                return
            name, end, labels = "", 12, []
            while question[end]:
                labels.append(question[end + 1 : end + 1 + question[end]].decode())
                end += 1 + question[end]
            name, end = ".".join(labels), end + 5
            self.asked.append(name)
            if name.startswith("silent"):
                continue
            is_known = name == "honest.example" and question[end - 4 : end - 2] == b"\x00\x01"
            answer = (
                b"\xc0\x0c\x00\x01\x00\x01" + struct.pack(">IH4B", 60, 4, 127, 0, 0, 1) if is_known else b""
            )
            code = 0x8180 if name == "honest.example" else 0x8183
            head = question[:2] + struct.pack(">HHHHH", code, 1, int(is_known), 0, 0)
            self._socket.sendto(head + question[12:end] + answer, peer)

    def close(self) -> None:
        """End it."""
        self._socket.close()


@pytest.fixture
def name_server() -> Iterator[FakeNameServer]:
    server = FakeNameServer()
    yield server
    server.close()


def request(host: str, port: int, owner: str, timeout: float = 60.0) -> OutboundRequest:
    return OutboundRequest(
        url=f"http://{host}:{port}/", connect_timeout=timeout, total_timeout=timeout, owner=owner
    )


def test_company_with_unresponsive_dns_does_not_delay_others(name_server: FakeNameServer) -> None:
    async def run() -> None:
        async with serve(OK) as receiver:
            lookup = NameServers(
                nameservers=["127.0.0.1"], udp_port=name_server.port, tcp_port=name_server.port
            )
            client = OutboundClient(LOCAL, lookup=lookup)
            # given more silent names than there ever were threads for look-ups
            held = [
                asyncio.create_task(client.send(request(name, receiver.port, "attacker"))) for name in SILENT
            ]
            while len(set(name_server.asked)) < LOOKUPS_PER_OWNER:
                await asyncio.sleep(0.01)
            # when another company calls, and one whose receiver's name the attacker asks for too
            held.append(
                asyncio.create_task(client.send(request("honest.example", receiver.port, "attacker")))
            )
            answer = await client.send(request("honest.example", receiver.port, "honest"))
            # then it is answered while the attacker still waits, for a few names at a time
            assert answer.status == 200
            assert not any(task.done() for task in held)
            assert len({name for name in name_server.asked if name in SILENT}) == LOOKUPS_PER_OWNER
            for task in held:
                task.cancel()
            await asyncio.gather(*held, return_exceptions=True)
            await client.aclose()

    asyncio.run(run())


def test_abandoned_lookup_is_canceled(name_server: FakeNameServer) -> None:
    async def run() -> None:
        lookup = NameServers(nameservers=["127.0.0.1"], udp_port=name_server.port, tcp_port=name_server.port)
        client = OutboundClient(LOCAL, lookup=lookup)
        resolver = client._resolver
        results = await asyncio.gather(
            *(client.send(request(name, 80, "attacker", timeout=0.3)) for name in SILENT[:20]),
            return_exceptions=True,
        )
        assert {type(result) for result in results} == {TimedOutError}
        await asyncio.sleep(0)
        assert resolver._under_way == resolver._turns == {}
        # and the company's own turns are free again
        with pytest.raises(ConnectionFailedError):
            await client.send(request("unknown.example", 80, "attacker"))
        await client.aclose()

    asyncio.run(run())


def test_blocking_look_ups_are_bounded_by_owner_too() -> None:
    """The same for a resolver that holds a thread, of which there are 64."""
    over = threading.Event()

    def lookup(host: str) -> list[str]:
        if host in SILENT:
            over.wait(60)
            raise OSError("no answer")
        return ["127.0.0.1"]

    async def run() -> None:
        async with serve(OK) as receiver:
            client = OutboundClient(LOCAL, lookup=lookup)
            held = [
                asyncio.create_task(client.send(request(name, receiver.port, "attacker"))) for name in SILENT
            ]
            await asyncio.sleep(0.1)
            try:
                answer = await client.send(request("honest.example", receiver.port, "honest", timeout=10))
                assert answer.status == 200
            finally:
                over.set()
                await asyncio.gather(*held, return_exceptions=True)
                await client.aclose()

    asyncio.run(run())
