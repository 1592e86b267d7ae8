"""The failures: each is something that machines, networks or people eventually do to a running platform."""

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
    """Causes a random failure every second and counts them by kind in `counts`.

    Parts that have not recovered from the previous failure are left alone, because killing a starting server proves nothing.
    """

    def __init__(self, stage: Stage, *, seed: int | None = None) -> None:
        self.counts: Counter[str] = Counter()
        self._stage = stage
        self._random = random.Random(seed)
        self._sleepers: list[threading.Thread] = []
        self._mishaps: dict[str, tuple[int, Callable[[], bool]]] = {
            "SIGKILL of a worker with its children": (3, self._kill_worker),
            "SIGKILL of a relay in mid-work": (4, self._kill_relay),
            "SIGKILL of the web server": (2, self._kill_web),
            "FLUSHALL": (2, self._flush),
            "SIGKILL of Valkey": (1, self._kill_valkey),
            "SIGKILL of PostgreSQL": (1, self._kill_postgres),
            "SIGSTOP of a worker past its leases": (1, self._freeze),
        }

    @property
    def spared(self) -> set[str]:
        """The kinds of failures that have not occurred yet."""
        return set(self._mishaps) - set(self.counts)

    def run(self, seconds: float) -> None:
        """Cause failures for `seconds`, each kind at least once if there is time."""
        names = list(self._mishaps)
        first = self._random.sample(names, len(names))
        weights = [self._mishaps[name][0] for name in names]
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            name = first[-1] if first else self._random.choices(names, weights)[0]
            with self._stage.guard, contextlib.suppress(ProcessLookupError, redis.RedisError):
                if self._mishaps[name][1]():
                    self.counts[name] += 1
                    first[:] = [each for each in first if each != name]
            time.sleep(1)
        for sleeper in self._sleepers:
            sleeper.join()

    def _worker(self) -> str | None:
        up = [name for name in ("worker 1", "worker 2") if self._stage.is_up(name)]
        return self._random.choice(up) if up else None

    def _kill_worker(self) -> bool:
        name = self._worker()
        if name is not None:
            _kill(self._stage.pids(name))
        return name is not None

    def _kill_relay(self) -> bool:
        """Kill the pool process, which runs the relay and the delivery engine."""
        name = self._worker()
        if name is not None:
            _kill(self._stage.pids(name, children_only=True))
        return name is not None

    def _kill_web(self) -> bool:
        if not self._stage.is_up("web"):
            return False
        _kill(self._stage.pids("web"))
        return True

    def _flush(self) -> bool:
        with redis.Redis.from_url(self._stage.engines.valkey.url) as client:
            return bool(client.flushall())

    def _kill_valkey(self) -> bool:
        self._stage.engines.valkey.process.kill()
        return True

    def _kill_postgres(self) -> bool:
        if not self._stage.is_up("web"):  # ready only if PostgreSQL is
            return False
        self._stage.engines.postgres.process.kill()
        return True

    def _freeze(self) -> bool:
        name = self._worker()
        if name is None:
            return False
        pids = self._stage.pids(name)
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
        return True


def _kill(pids: list[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
