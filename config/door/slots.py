"""Who may work on a request now, who waits, and who is better told at once to come again."""

import threading
import time
from collections import deque
from collections.abc import Callable

Job = Callable[[], None]


class Full(Exception):
    """So much work waits that this request would wait too long."""


class Slots:
    """At most `threads` jobs at a time; more wait in order, as long as none has to wait longer than `patience` seconds.

    How long a newcomer would wait is known from what waits and from how long jobs have taken lately, so whoever is refused
    is refused at once, and whoever is let in is served in good time.
    """

    def __init__(self, threads: int, *, patience: float = 1.0, weight: float = 0.05) -> None:
        self._threads, self._patience, self._weight = threads, patience, weight
        self._lock = threading.Lock()
        self._running = 0
        self._waiting: deque[Job] = deque()
        self._average = 0.005

    def enter(self, job: Job) -> Job | None:
        """Return `job` when it may run now (pass it to `work`); None when it waits for a thread that is busy.

        Raises Full.
        """
        with self._lock:
            if self._running < self._threads:
                self._running += 1
                return job
            if len(self._waiting) * self._average > self._patience * self._threads:
                raise Full
            self._waiting.append(job)
            return None

    def work(self, job: Job | None) -> None:
        """Run `job`, then whatever waits. A job must not raise."""
        while job is not None:
            began = time.perf_counter()
            job()
            took = time.perf_counter() - began
            with self._lock:
                self._average += (took - self._average) * self._weight
                if self._waiting:
                    job = self._waiting.popleft()
                else:
                    self._running -= 1
                    job = None
