"""A small HTTP/1.1 load generator: persistent connections, prepared requests, one thread."""

import json
import selectors
import socket
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

Pack = Callable[[int], bytes]


@dataclass
class Slice:
    """The result of a slice of load: number of responses, duration, and latencies in seconds."""

    answers: int = 0
    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)

    def add(self, part: "Slice") -> None:
        """Merge another slice of the same load into this one."""
        self.answers += part.answers
        self.seconds += part.seconds
        self.latencies += part.latencies

    @property
    def rate(self) -> float:
        """Responses per second."""
        return self.answers / self.seconds

    @property
    def p50(self) -> float:
        """Median latency in seconds."""
        return statistics.median(self.latencies)

    @property
    def p95(self) -> float:
        """95th percentile of the latency in seconds."""
        return statistics.quantiles(self.latencies, n=20)[-1]


class BadAnswer(RuntimeError):
    """The server responded with an unexpected status, so the benchmark would measure errors."""


def packed(method: str, path: str, *, headers: dict[str, str] | None = None, body: object = None) -> bytes:
    """Return a request in wire format."""
    content = b"" if body is None else json.dumps(body).encode()
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    if body is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {len(content)}"]
    return "\r\n".join([*lines, "", ""]).encode() + content


class Client:
    """Connections to one server, each of which sends the next request as soon as it has a response."""

    def __init__(self, port: int, pack: Pack, *, status: int = 200, connections: int = 4) -> None:
        self._port, self._pack, self._expected = port, pack, f"HTTP/1.1 {status} ".encode()
        self._sockets = [socket.create_connection(("127.0.0.1", port)) for _ in range(connections)]
        for connection in self._sockets:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._number = 0

    def close(self) -> None:
        """Close every connection."""
        for connection in self._sockets:
            connection.close()

    def run(self, *, seconds: float = 0.0, requests: int = 0) -> Slice:
        """Load the server for `seconds`, or with `requests`. Raises BadAnswer."""
        done = Slice()
        selector = selectors.DefaultSelector()
        sent_at: dict[socket.socket, float] = {}
        buffers: dict[socket.socket, bytes] = {}
        started = time.perf_counter()
        left = requests or 1 << 62

        def send(connection: socket.socket) -> None:
            nonlocal left
            left -= 1
            self._number += 1
            buffers[connection] = b""
            sent_at[connection] = time.perf_counter()
            connection.sendall(self._pack(self._number))

        for connection in self._sockets[: min(len(self._sockets), left)]:
            selector.register(connection, selectors.EVENT_READ)
            send(connection)
        waiting = len(selector.get_map())
        while waiting:
            for key, _ in selector.select():
                connection = key.fileobj
                buffers[connection] += connection.recv(262_144)
                if not is_whole(buffers[connection]):
                    continue
                now = time.perf_counter()
                if not buffers[connection].startswith(self._expected):
                    raise BadAnswer(buffers[connection][:600].decode(errors="replace"))
                done.answers += 1
                done.latencies.append(now - sent_at[connection])
                if left > 0 and (not seconds or now - started < seconds):
                    send(connection)
                else:
                    selector.unregister(connection)
                    waiting -= 1
        done.seconds = time.perf_counter() - started
        selector.close()
        return done


def is_whole(buffer: bytes) -> bool:
    """Whether `buffer` contains a complete response. Raises BadAnswer if the server closed the connection instead."""
    head, separator, body = buffer.partition(b"\r\n\r\n")
    if not separator:
        if not buffer:
            raise BadAnswer("The server closed the connection.")
        return False
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return len(body) >= int(value)
    return True


def compare(clients: Sequence[Client], *, seconds: float, rounds: int) -> list[Slice]:
    """Load the clients' servers alternately in short slices, so that other load on the machine affects all alike.

    Returns one merged slice per client.
    """
    totals = [Slice() for _ in clients]
    for _ in range(rounds):
        for client, total in zip(clients, totals, strict=True):
            total.add(client.run(seconds=seconds / rounds))
    return totals
