"""A real DNS server for tests: UDP and TCP on its own port, with records set by the test."""

import contextlib
import socketserver
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset


@dataclass
class Zone:
    """The zone of the server. `records` by name and type; names in `broken` get SERVFAIL, names in `silent` no response."""

    records: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    silent: set[str] = field(default_factory=set)
    asked: list[tuple[str, str]] = field(default_factory=list)
    address: str = ""

    def add(self, name: str, kind: str, *values: str) -> None:
        """Set the records of a name; a TXT is split into strings of 255 characters, as in zone files."""
        self.records[name.lower(), kind] = [
            _quoted(value) if kind == "TXT" else f"{value}." for value in values
        ]

    def remove(self, name: str, kind: str) -> None:
        """Remove the records of a name."""
        del self.records[name.lower(), kind]

    def answer(self, wire: bytes) -> bytes | None:
        """Return the response to a query."""
        query = dns.message.from_wire(wire)
        [question] = query.question
        name = question.name.to_text(omit_final_dot=True).lower()
        kind = dns.rdatatype.to_text(question.rdtype)
        self.asked.append((name, kind))
        if name in self.silent:
            return None
        response = dns.message.make_response(query)
        response.flags |= dns.flags.AA
        if name in self.broken:
            response.set_rcode(dns.rcode.SERVFAIL)
            return response.to_wire()
        values = self._chase(name, kind, response)
        if values:
            response.answer.append(
                dns.rrset.from_text(
                    response.answer[-1][0].target if response.answer else question.name,
                    60,
                    "IN",
                    kind,
                    *values,
                )
            )
        elif not any(known == name for known, _ in self.records):
            response.set_rcode(dns.rcode.NXDOMAIN)
        return response.to_wire()

    def _chase(self, name: str, kind: str, response: dns.message.Message) -> list[str] | None:
        """Return the records of a name, or of its CNAME target, which is included."""
        alias = self.records.get((name, "CNAME"))
        if kind == "CNAME" or not alias:
            return self.records.get((name, kind))
        response.answer.append(dns.rrset.from_text(f"{name}.", 60, "IN", "CNAME", *alias))
        return self.records.get((alias[0].rstrip(".").lower(), kind))


def _quoted(text: str) -> str:
    pieces = [text[start : start + 255] for start in range(0, len(text), 255)] or [""]
    return " ".join('"' + piece.replace("\\", "\\\\").replace('"', '\\"') + '"' for piece in pieces)


@contextlib.contextmanager
def dns_server() -> Iterator[Zone]:
    """Run the server; yields its zone, whose `address` is a value for MESSAGING_DNS_RESOLVERS."""
    zone = Zone()

    class Udp(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            data, sock = self.request
            answer = zone.answer(data)
            if answer is not None:
                if len(answer) > 1232:  # as real servers do: the rest is queried by TCP
                    short = dns.message.from_wire(answer)
                    short.answer.clear()
                    short.flags |= dns.flags.TC
                    answer = short.to_wire()
                sock.sendto(answer, self.client_address)

    class Tcp(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError, struct.error):
                (length,) = struct.unpack("!H", self.request.recv(2))
                answer = zone.answer(self.request.recv(length))
                if answer is not None:
                    self.request.sendall(struct.pack("!H", len(answer)) + answer)

    class UdpServer(socketserver.ThreadingUDPServer):
        daemon_threads = True

    class TcpServer(socketserver.ThreadingTCPServer):
        daemon_threads = allow_reuse_address = True

    while True:
        udp = UdpServer(("127.0.0.1", 0), Udp)
        port = udp.server_address[1]
        try:
            tcp = TcpServer(("127.0.0.1", port), Tcp)
            break
        except OSError:  # free for UDP, but in use for TCP
            udp.server_close()
    threads = [
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True) for server in (udp, tcp)
    ]
    for thread in threads:
        thread.start()
    zone.address = f"127.0.0.1:{port}"
    try:
        yield zone
    finally:
        for server in (udp, tcp):
            server.shutdown()
            server.server_close()
        for thread in threads:
            thread.join(5)
