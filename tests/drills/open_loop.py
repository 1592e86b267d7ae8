"""Open-loop load: writes at a mean rate, regardless of responses, like independent clients.

`python -m tests.drills.open_loop` reads `{"port", "key", "rate", "seconds"}` from stdin and prints `{"answers", "seconds", "refused", "accepted"}`.
Independent clients arrive at random, so requests form a Poisson process. Without a `rate`, a few connections each send the next write
as soon as they have a response: a closed loop, which measures the capacity.

It is a separate process with a single thread, because a hundred Python threads would wait longer for each other than for the server.
Requests are prepared in advance except for two random numbers, because the clients share a core with the database.
Latencies are measured from the time a request was due, so a late client does not hide delays.
"""

import json
import random
import selectors
import socket
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.benchmarks.load import BadAnswer, is_whole, packed

CONNECTIONS = 120
# Two per server thread (outages.DrillStage): one being processed and one waiting.
CLOSED_LOOP_CONNECTIONS = 8
TIMEOUT_SECONDS = 10.0  # how long a client waits
ROOT = Path(__file__).resolve().parents[2]


def offer(port: int, key: str, *, rate: float | None, seconds: float) -> dict[str, Any]:
    """Send `rate` writes per second for `seconds` from another process, or, without a rate, a closed loop.

    Returns the number of `answers` by status, the `seconds` of each successful one, those of each 503 (`refused`), and the IDs
    that were `accepted`.
    """
    done = subprocess.run(
        [sys.executable, "-m", "tests.drills.open_loop"],
        cwd=ROOT,
        input=json.dumps({"port": port, "key": key, "rate": rate, "seconds": seconds}),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def moments(rate: float, seconds: float, *, seed: int = 1) -> Iterator[float]:
    """Yield when requests are due, in seconds from the beginning: a Poisson process, the same one each time."""
    gaps = random.Random(seed)
    due = gaps.expovariate(rate)
    while due < seconds:
        yield due
        due += gaps.expovariate(rate)


class _Loop:
    """The connections, their pending requests, and the results."""

    def __init__(self, port: int, key: str, connections: int) -> None:
        self._port = port
        token, name = "T" * 32, "N" * 32
        headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": token}
        whole = packed("POST", "/v1/customers", headers=headers, body={"name": f"Customer {name}"})
        before, _, rest = whole.partition(token.encode())
        between, _, after = rest.partition(name.encode())
        self._parts = (before, between, after)
        self._selector = selectors.DefaultSelector()
        self._free = deque(self._connect() for _ in range(connections))
        self._due_at: dict[socket.socket, float] = {}
        self._buffers: dict[socket.socket, bytes] = {}
        self.answers: Counter[str] = Counter()
        self.seconds: list[float] = []
        self.refused: list[float] = []
        self.accepted: list[str] = []

    def run(self, due: Iterator[float]) -> None:
        """Send a write at each of these moments, or as soon after it as a connection is free; end with the last answer."""
        began, coming = time.perf_counter(), next(due, None)
        while coming is not None or self._due_at:
            while coming is not None and self._free and began + coming <= time.perf_counter():
                self._send(began + coming)
                coming = next(due, None)
            for ready, _ in self._selector.select(0.001):
                self._receive(ready.fileobj)
            self._give_up(time.perf_counter() - TIMEOUT_SECONDS)

    def _connect(self) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self._port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._selector.register(connection, selectors.EVENT_READ)
        return connection

    def _send(self, due_at: float) -> None:
        connection = self._free.popleft()
        self._due_at[connection], self._buffers[connection] = due_at, b""
        before, between, after = self._parts
        token, name = (f"{random.getrandbits(128):032x}".encode() for _ in range(2))
        connection.sendall(b"".join((before, token, between, name, after)))

    def _receive(self, connection: Any) -> None:
        if connection not in self._due_at:  # closed by the server while idle
            self._free.remove(connection)
            self._replace(connection)
            return
        self._buffers[connection] += connection.recv(262_144)
        try:
            if not is_whole(self._buffers[connection]):
                return
        except BadAnswer:
            self.answers["cut off"] += 1
            self._replace(connection)
            return
        head, _, body = self._buffers[connection].partition(b"\r\n\r\n")
        status = head.split(b" ", 2)[1].decode()
        self.answers[status] += 1
        took = time.perf_counter() - self._due_at[connection]
        if status == "201":
            self.seconds.append(took)
            self.accepted.append(json.loads(body)["id"])
        elif status == "503":
            self.refused.append(took)
        del self._due_at[connection]
        self._free.append(connection)

    def _give_up(self, sent_before: float) -> None:
        for connection in [each for each, due_at in self._due_at.items() if due_at < sent_before]:
            self.answers["timed out"] += 1
            self._replace(connection)

    def _replace(self, connection: socket.socket) -> None:
        self._due_at.pop(connection, None)
        self._selector.unregister(connection)
        connection.close()
        self._free.append(self._connect())


def _continually(seconds: float) -> Iterator[float]:
    ends = time.perf_counter() + seconds
    while time.perf_counter() < ends:
        yield 0.0


def main() -> None:
    """Run the load described on stdin."""
    order = json.load(sys.stdin)
    rate, seconds = order["rate"], order["seconds"]
    loop = _Loop(order["port"], order["key"], CONNECTIONS if rate else CLOSED_LOOP_CONNECTIONS)
    loop.run(moments(rate, seconds) if rate else _continually(seconds))
    found = {
        "answers": loop.answers,
        "seconds": loop.seconds,
        "refused": loop.refused,
        "accepted": loop.accepted,
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
