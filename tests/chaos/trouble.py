"""The mishaps: each is what a machine, a network or a person does to a running platform sooner or later."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable

import redis

from tests.chaos.stage import LEASE_SECONDS, Stage


class Trouble:
    """One mishap a second, at random; `counts` says how many of each."""

    def __init__(self, stage: Stage, *, seed: int | None = None) -> None:
        self.counts: Counter[str] = Counter()
        self._stage = stage
        self._random = random.Random(seed)
        self._sleepers: list[threading.Thread] = []
        self._mishaps: dict[str, tuple[int, Callable[[], None]]] = {
            "SIGKILL of a worker with its children": (3, self._kill_worker),
            "SIGKILL of a relay in mid-work": (4, self._kill_relay),
            "SIGKILL of the web server": (2, self._kill_web),
            "FLUSHALL": (2, self._flush),
            "SIGKILL of Valkey": (1, self._kill_valkey),
            "SIGKILL of PostgreSQL": (1, self._kill_postgres),
            "SIGSTOP of a worker past its leases": (1, self._freeze),
        }

    def run(self, seconds: float) -> None:
        """Make trouble for `seconds`; every kind happens at least once when there is time for it."""
        names = list(self._mishaps)
        first = self._random.sample(names, len(names))
        weights = [self._mishaps[name][0] for name in names]
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            name = first.pop() if first else self._random.choices(names, weights)[0]
            with self._stage.guard, contextlib.suppress(ProcessLookupError, redis.RedisError):
                self._mishaps[name][1]()
                self.counts[name] += 1
            time.sleep(1)
        for sleeper in self._sleepers:
            sleeper.join()

    def _worker(self) -> str:
        return self._random.choice(["worker 1", "worker 2"])

    def _kill_worker(self) -> None:
        _kill(self._stage.pids(self._worker()))

    def _kill_relay(self) -> None:
        """The pool's child holds the relay and the delivery engine."""
        _kill(self._stage.pids(self._worker(), children_only=True))

    def _kill_web(self) -> None:
        _kill(self._stage.pids("web"))

    def _flush(self) -> None:
        with redis.Redis.from_url(self._stage.engines.valkey.url) as client:
            client.flushall()

    def _kill_valkey(self) -> None:
        self._stage.engines.valkey.process.kill()

    def _kill_postgres(self) -> None:
        self._stage.engines.postgres.process.kill()

    def _freeze(self) -> None:
        pids = self._stage.pids(self._worker())
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)

        def wake() -> None:
            time.sleep(LEASE_SECONDS + 2)
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

        thread = threading.Thread(target=wake)
        thread.start()
        self._sleepers.append(thread)


def _kill(pids: list[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
