"""Writes at a fixed rate whatever becomes of them: an open loop, as strangers make it.

`python -m tests.drills.open_loop` reads `{"port", "key", "rate", "seconds"}` from stdin and prints `{"answers", "seconds", "accepted"}`. It is
a process and a single thread of its own: a hundred threads of Python would wait longer for each other than for the server.
A time is counted from the moment at which a request was due, so a client that is late does not hide it.
"""

import json
import selectors
import socket
import subprocess
import sys
import time
import uuid
from collections import Counter, deque
from pathlib import Path
from typing import Any

from tests.benchmarks.load import BadAnswer, is_whole, packed

CONNECTIONS = 120
TIMEOUT_SECONDS = 10.0  # a client's patience
ROOT = Path(__file__).resolve().parents[2]


def offer(port: int, key: str, *, rate: float, seconds: float) -> dict[str, Any]:
    """Send `rate` writes a second for `seconds`, from another process.

    Returns how many `answers` had which status, the `seconds` that each good one took, and the IDs of what was `accepted`.
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


class _Loop:
    """The connections, what they wait for, and what came."""

    def __init__(self, port: int, key: str) -> None:
        self._port, self._key = port, key
        self._selector = selectors.DefaultSelector()
        self._free = deque(self._connect() for _ in range(CONNECTIONS))
        self._due_at: dict[socket.socket, float] = {}
        self._buffers: dict[socket.socket, bytes] = {}
        self.answers: Counter[str] = Counter()
        self.seconds: list[float] = []
        self.accepted: list[str] = []

    def run(self, rate: float, seconds: float) -> None:
        began, sent, last = time.perf_counter(), 0, round(rate * seconds)
        while sent < last or self._due_at:
            now = time.perf_counter() - began
            while sent < last and sent <= now * rate and self._free:
                self._send(began + sent / rate)
                sent += 1
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
        headers = {"Authorization": f"Bearer {self._key}", "Idempotency-Key": uuid.uuid4().hex}
        self._due_at[connection], self._buffers[connection] = due_at, b""
        connection.sendall(
            packed("POST", "/v1/customers", headers=headers, body={"name": f"Customer {uuid.uuid4()}"})
        )

    def _receive(self, connection: Any) -> None:
        if connection not in self._due_at:  # closed by the server while it was idle
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
        if status == "201":
            self.seconds.append(time.perf_counter() - self._due_at[connection])
            self.accepted.append(json.loads(body)["id"])
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


def main() -> None:
    """Do what stdin asks for."""
    order = json.load(sys.stdin)
    loop = _Loop(order["port"], order["key"])
    loop.run(order["rate"], order["seconds"])
    print(json.dumps({"answers": loop.answers, "seconds": loop.seconds, "accepted": loop.accepted}))


if __name__ == "__main__":
    main()
