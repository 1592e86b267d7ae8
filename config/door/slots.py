"""Admission control: decides which requests run, which wait, and which are refused immediately."""

import math
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

Job = Callable[[], None]

# The longest wait in a burst of requests.
PATIENCE_SECONDS = 0.5
# Overload starts when the queue has not become shorter between two checks.
LOOK_SECONDS = 0.07
# The longest wait under overload, as a multiple of the average job: half as many requests wait as are running.
JOBS_AHEAD = 0.5
# Shorter waits are irrelevant: threads switch every millisecond (config.door.server).
LEAST_SECONDS = 0.005
# Overload ends when no request has been refused for this long.
CALM_SECONDS = 1.0


class Full(Exception):
    """So much work is queued that this request would wait too long."""


class _Waiter(NamedTuple):
    since: float
    job: Job
    turn_away: Job


class Slots:
    """Runs at most `threads` jobs at a time. Others wait in order, for a bounded time.

    In a burst, requests may wait for PATIENCE_SECONDS while the queue gets shorter. A queue that does not get shorter means overload:
    more requests arrive than can be processed, and waiting only delays all of them (Nichols and Jacobson, "Controlling Queue Delay",
    ACM Queue 2012). From then on, no request waits longer than JOBS_AHEAD jobs take, so that admitted requests are served nearly as
    fast as usual, until no request has been refused for CALM_SECONDS.

    Under overload, the number of running jobs is also limited to what keeps the process busy. Python runs one thread at a time: the
    others only help while it waits for a server, and more of them slow down every job. The limit is the duration of a job running
    alone divided by its CPU time, measured while there is no load.

    A new request that would wait too long is refused immediately. This is an estimate from the queue and recent job durations, so
    requests that have waited too long after all are refused later: when the next one arrives, when a job ends, or by `sweep`.
    """

    def __init__(
        self,
        threads: int,
        *,
        clock: Callable[[], float] = time.monotonic,
        cpu_clock: Callable[[], float] = time.thread_time,
    ) -> None:
        self._threads, self._clock, self._cpu_clock = threads, clock, cpu_clock
        self._lock = threading.Lock()
        self._running = 0
        self._waiting: deque[_Waiter] = deque()
        self._average = 0.005
        # Durations of jobs that ran alone. Until there are any, all threads are used.
        self._alone, self._cpu = self._average * threads, self._average
        self._overloaded_until = float("-inf")
        # The time and queue length of the last check; infinity when the queue began.
        self._looked_at, self._looked_length = 0.0, math.inf

    def enter(self, job: Job, turn_away: Job) -> Job | None:
        """Return a job to run now (pass it to `work`): `job` or an earlier one; None if `job` has to wait for a busy thread.

        If it waits too long, `turn_away` is called instead, from any thread; it must not raise. Raises Full.
        """
        found, is_full = None, False
        with self._lock:
            now = self._clock()
            late = self._take_late(now)
            if self._running < self._limit(now):
                self._running += 1
                # Behind those still waiting: threads become available again after an overload.
                self._waiting.append(_Waiter(now, job, turn_away))
                found = self._waiting.popleft().job
            elif not (is_full := self._is_full(now)):
                if not self._waiting:
                    self._looked_at, self._looked_length = now, math.inf
                self._waiting.append(_Waiter(now, job, turn_away))
        _turn_away(late)
        if is_full:
            raise Full
        return found

    def is_full(self) -> bool:
        """Whether a new request would be refused."""
        with self._lock:
            now = self._clock()
            return self._running >= self._limit(now) and self._is_full(now)

    def sweep(self) -> bool:
        """Refuse requests that have waited too long. Return whether any are still waiting."""
        with self._lock:
            late = self._take_late(self._clock())
            anybody = bool(self._waiting)
        _turn_away(late)
        return anybody

    def work(self, job: Job | None) -> None:
        """Run `job`, then waiting jobs. Jobs must not raise."""
        while job is not None:
            is_alone, began, cpu_began = self._running == 1, self._clock(), self._cpu_clock()
            job()
            cpu = self._cpu_clock() - cpu_began
            with self._lock:
                now = self._clock()
                self._average += (now - began - self._average) / 20
                if is_alone and self._running == 1:
                    self._alone += (now - began - self._alone) / 20
                    self._cpu += (cpu - self._cpu) / 20
                late = self._take_late(now)
                if self._waiting and self._running <= self._limit(now):
                    job = self._waiting.popleft().job
                else:
                    self._running -= 1
                    job = None
            _turn_away(late)

    # --- with the lock held -------------------------------------------------------------------------------------------

    def _limit(self, now: float) -> int:
        if now >= self._overloaded_until:
            return self._threads
        at_once = self._alone / max(self._cpu, 1e-6)
        # One more thread that would be used less than a tenth of the time would mostly be in the way.
        return min(self._threads, max(1, math.ceil(at_once - 0.1)))

    def _patience(self, now: float) -> float:
        if self._waiting and now - self._looked_at > LOOK_SECONDS:
            if len(self._waiting) >= self._looked_length:
                self._overloaded_until = now + CALM_SECONDS
            self._looked_at, self._looked_length = now, len(self._waiting)
        if now < self._overloaded_until:
            return min(max(JOBS_AHEAD * self._average, LEAST_SECONDS), PATIENCE_SECONDS)
        return PATIENCE_SECONDS

    def _is_full(self, now: float) -> bool:
        is_full = len(self._waiting) * self._average >= self._patience(now) * self._limit(now)
        if is_full and now < self._overloaded_until:
            self._overloaded_until = now + CALM_SECONDS
        return is_full

    def _take_late(self, now: float) -> list[_Waiter]:
        if not self._waiting:
            return []
        latest, late = now - self._patience(now), []
        while self._waiting and self._waiting[0].since < latest:
            late.append(self._waiting.popleft())
        return late


def _turn_away(late: list[_Waiter]) -> None:
    for waiter in late:
        waiter.turn_away()
