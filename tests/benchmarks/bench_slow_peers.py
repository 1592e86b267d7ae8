"""The cost to an honest caller of many peers that never finish their bodies.

    python -m tests.benchmarks.bench_slow_peers [--peers=1000] [--seconds=5] [--rounds=4]

One web worker, production settings. Each peer sends the head of a POST, `Content-Length: 100` and one byte, and reconnects
immediately when disconnected. The honest client calls /v1/whoami on one connection, alternately without and with the peers.
"""

import argparse
import selectors
import socket
import statistics
import sys
import threading
from types import TracebackType
from typing import Self

from rich.console import Console

from tests.benchmarks.load import Client, packed
from tests.benchmarks.stage import POMELO, stage

MOST = 2.0  # times the p95 without slow peers


class Crowd:
    """The slow peers, in a separate thread."""

    def __init__(self, port: int, secret: str, peers: int) -> None:
        self._port, self._peers = port, peers
        head = packed("POST", "/v1/customers", headers={"Authorization": f"Bearer {secret}"})
        self._begun = (
            head.removesuffix(b"\r\n") + b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
        )
        self._ended = threading.Event()
        self._gathered = threading.Event()
        self._thread = threading.Thread(target=self._press)
        self.sent_away = 0

    def __enter__(self) -> Self:
        self._thread.start()
        self._gathered.wait()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _press(self) -> None:
        with selectors.DefaultSelector() as selector:
            for _ in range(self._peers):
                self._begin(selector)
            self._gathered.set()
            while not self._ended.is_set():
                for key, _ in selector.select(0.1):
                    self._hear(selector, key.fileobj)  # type: ignore[arg-type]
            for key in list(selector.get_map().values()):
                key.fileobj.close()  # type: ignore[union-attr]

    def _begin(self, selector: selectors.BaseSelector) -> None:
        peer = socket.create_connection(("127.0.0.1", self._port))
        peer.sendall(self._begun)
        selector.register(peer, selectors.EVENT_READ)

    def _hear(self, selector: selectors.BaseSelector, peer: socket.socket) -> None:
        try:
            heard = peer.recv(65_536)
        except ConnectionResetError:
            heard = b""
        if not heard:
            selector.unregister(peer)
            peer.close()
            self.sent_away += 1
            self._begin(selector)


def main() -> None:
    """Measure, print, and fail above MOST."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--peers", type=int, default=1_000)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=4)
    options = parser.parse_args()
    with stage() as scene:
        scene.make_database("small")
        order = {"keys": 2, "customers": 10, "mass_keys": 0}
        honest, slow = scene.python("small", "tests.benchmarks.seeding", order)["secrets"]
        ask = packed("GET", "/v1/whoami", headers={"Authorization": f"Bearer {honest}"})
        with scene.server(scene.environment("small"), POMELO) as server:
            quiet: list[float] = []
            crowded: list[float] = []
            sent_away = 0
            client = Client(server.port, lambda _: ask, connections=1)
            client.run(seconds=1)
            for _ in range(options.rounds):
                quiet += client.run(seconds=options.seconds).latencies
                with Crowd(server.port, slow, options.peers) as crowd:
                    crowded += client.run(seconds=options.seconds).latencies
                sent_away += crowd.sent_away
            client.close()
    before, during = (statistics.quantiles(each, n=20)[-1] * 1_000 for each in (quiet, crowded))
    Console().print(
        f"{options.peers} slow peers ({sent_away} times sent away): p95 of /v1/whoami {during:.2f} ms, "
        f"{before:.2f} ms without them: {during / before:.2f} ×, at most {MOST} ×. "
        f"Medians {statistics.median(crowded) * 1_000:.2f} and {statistics.median(quiet) * 1_000:.2f} ms, "
        f"{len(crowded)} and {len(quiet)} answers."
    )
    sys.exit(during > MOST * before)


if __name__ == "__main__":
    main()
