"""Three simulated machines: each node has a web server and a worker that die together; all nodes share the same servers."""

from __future__ import annotations

import os
import random
import secrets
import signal
import sys
import threading
import time
from functools import partial
from pathlib import Path

import urllib3

from tests.chaos.stage import CELERY, Stage, answers, worker
from tests.core.valkey_servers import free_port
from tests.engines import TEMPLATE, copy_migrated_server
from tests.threads import Repeated

NODES = (1, 2, 3)


class Nodes(Stage):
    """A stage with three nodes on one PostgreSQL, the Valkey at `valkey_url` and the broker at `broker_url`."""

    def __init__(self, *, valkey_url: str, broker_url: str) -> None:
        super().__init__(database=TEMPLATE)
        copy_migrated_server(self.data_dir)
        self._shared = {"VALKEY_URL": valkey_url, "CELERY_BROKER_URL": broker_url}
        self.ports = {node: free_port() for node in NODES}
        self._token = secrets.token_hex(8)

    @property
    def environment(self) -> dict[str, str]:
        """The environment of every process of every node."""
        return super().environment | self._shared | {"WEB_THREADS": "4"}

    def environment_of(self, name: str) -> dict[str, str]:
        """The environment of a part. A web server listens on its node's port."""
        kind, _, node = name.partition(" ")
        return self.environment | ({"PORT": str(self.ports[int(node)])} if kind == "web" else {})

    @property
    def urls(self) -> list[str]:
        """The URLs of the three web servers, in the order of NODES."""
        return [f"http://127.0.0.1:{self.ports[node]}" for node in NODES]

    def commands(self) -> dict[str, list[str]]:
        """A web server and a worker per node, and a single beat."""
        commands = {f"web {node}": [sys.executable, "-m", "config.door.web"] for node in NODES}
        commands |= {f"worker {node}": worker(f"node{node}") for node in NODES}
        schedule = str(self.data_dir / "beat")
        beat = [*CELERY, "beat", "--loglevel", "WARNING", "--pidfile=", "--schedule", schedule]
        return commands | {"beat": beat}

    def ready(self) -> list[int]:
        """Return the nodes whose web server is ready."""
        pool = urllib3.PoolManager(retries=False, timeout=2)
        return [node for node in NODES if answers(pool, f"http://127.0.0.1:{self.ports[node]}/readyz")]

    def kill(self, node: int) -> None:
        """Simulate a power loss: SIGKILL all processes of a node at once. The stage restarts them."""
        with self.guard:
            for name in (f"web {node}", f"worker {node}"):
                for pid in self.pids(name):
                    try:
                        os.kill(pid, signal.SIGKILL)
                    except ProcessLookupError:
                        continue


class Killer(Repeated):
    """Kills a random ready node every `pause` seconds, as long as another one is ready to take over."""

    def __init__(self, nodes: Nodes, *, pause: float = 5.0) -> None:
        self.kills = dict.fromkeys(NODES, 0)
        self.skipped = 0
        self._nodes, self._pause = nodes, pause
        super().__init__(self._run)

    def _run(self) -> None:
        while not self._stopping.wait(self._pause):
            ready = self._nodes.ready()
            if len(ready) < 2:
                self.skipped += 1
                continue
            node = random.choice(ready)
            self._nodes.kill(node)
            self.kills[node] += 1


class Limited(Repeated):
    """Callers that use one key on all nodes at once, far beyond its limit. Counts responses by status."""

    def __init__(self, urls: list[str], key: str, *, per_second: float = 4.0) -> None:
        self.statuses: dict[int, int] = {}
        self.began = self.lasted = 0.0
        self._guard = threading.Lock()
        self._key, self._pause = key, 1 / per_second
        super().__init__(*(partial(self._ask, url) for url in urls))

    def start(self) -> None:
        """Begin."""
        self.began = time.monotonic()
        super().start()

    def stop(self) -> None:
        """Stop calling."""
        super().stop()
        self.lasted = time.monotonic() - self.began

    def _ask(self, url: str) -> None:
        pool = urllib3.PoolManager(retries=False, timeout=urllib3.Timeout(connect=2, read=10))
        while not self._stopping.wait(self._pause):
            status = ask(pool, url, self._key)
            with self._guard:
                self.statuses[status] = self.statuses.get(status, 0) + 1


def ask(pool: urllib3.PoolManager, url: str, key: str) -> int:
    """Call whoami. Return the status, or 0 without a response."""
    try:
        return pool.request("GET", f"{url}/v1/whoami", headers={"Authorization": f"Bearer {key}"}).status
    except urllib3.exceptions.HTTPError:
        return 0


def log_of(nodes: Nodes, name: str) -> str:
    """Return the end of a part's log."""
    path = Path(nodes.data_dir) / f"{name}.log"
    return path.read_text(errors="replace")[-3000:] if path.exists() else ""
