"""Who may work on a request now, who waits, and who is better told at once to come again."""

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

Job = Callable[[], None]

# A crowd is served as long as it is gone again within this.
PATIENCE_SECONDS = 0.5
# How long anybody may wait under overload, in times of what a job takes on average: as many wait as are worked on.
JOBS_AHEAD = 1
# Python's threads take turns of five milliseconds: less than two of them is no wait.
LEAST_SECONDS = 0.01
# Overload is over when nobody has been turned away for so long.
CALM_SECONDS = 1.0


class Full(Exception):
    """So much work waits that this request would wait too long."""


class _Waiter(NamedTuple):
    since: float
    job: Job
    turn_away: Job


class Slots:
    """At most `threads` jobs at a time; more wait in order, for a time that is bounded.

    A crowd that comes at once may wait for PATIENCE_SECONDS. A queue that has stood for so long will not go away: more comes in
    than can be done, and waiting only makes everybody late (Nichols and Jacobson, "Controlling Queue Delay", ACM Queue 2012). From
    then on nobody waits for longer than JOBS_AHEAD jobs take, so that whoever is let in is served nearly as fast as on any
    other day, until nobody has been turned away for CALM_SECONDS.

    A newcomer who would wait too long is refused at once. That is an estimate, by what waits and how long jobs have taken lately; so
    whoever has waited too long after all is turned away too: when the next one comes, when a job ends, or by `sweep`.
    """

    def __init__(self, threads: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._threads, self._clock = threads, clock
        self._lock = threading.Lock()
        self._running = 0
        self._waiting: deque[_Waiter] = deque()
        self._average = 0.005
        self._stands_since = self._overloaded_until = float("-inf")

    def enter(self, job: Job, turn_away: Job) -> Job | None:
        """Return `job` when it may run now (pass it to `work`); None when it waits for a thread that is busy.

        If it waits in vain, `turn_away` is called in its place, from any thread; it must not raise. Raises Full.
        """
        with self._lock:
            if self._running < self._threads:
                self._running += 1
                return job
            now = self._clock()
            late = self._take_late(now)
            is_full = self._is_full(now)
            if not is_full:
                if not self._waiting:
                    self._stands_since = now
                self._waiting.append(_Waiter(now, job, turn_away))
        _turn_away(late)
        if is_full:
            raise Full
        return None

    def is_full(self) -> bool:
        """Tell whether whoever comes now would be refused."""
        with self._lock:
            return self._running >= self._threads and self._is_full(self._clock())

    def sweep(self) -> bool:
        """Turn away whoever has waited too long, and tell whether anybody still waits."""
        with self._lock:
            late = self._take_late(self._clock())
            anybody = bool(self._waiting)
        _turn_away(late)
        return anybody

    def work(self, job: Job | None) -> None:
        """Run `job`, then whatever waits. A job must not raise."""
        while job is not None:
            began = self._clock()
            job()
            with self._lock:
                now = self._clock()
                self._average += (now - began - self._average) / 20
                late = self._take_late(now)
                if self._waiting:
                    job = self._waiting.popleft().job
                else:
                    self._running -= 1
                    job = None
            _turn_away(late)

    # --- with the lock held -------------------------------------------------------------------------------------------

    def _patience(self, now: float) -> float:
        if self._waiting and now - self._stands_since > PATIENCE_SECONDS:
            self._overloaded_until = now + CALM_SECONDS
        if now < self._overloaded_until:
            return min(max(JOBS_AHEAD * self._average, LEAST_SECONDS), PATIENCE_SECONDS)
        return PATIENCE_SECONDS

    def _is_full(self, now: float) -> bool:
        is_full = len(self._waiting) * self._average >= self._patience(now) * self._threads
        if is_full and now < self._overloaded_until:
            self._overloaded_until = now + CALM_SECONDS
        return is_full

    def _take_late(self, now: float) -> list[_Waiter]:
        latest, late = now - self._patience(now), []
        while self._waiting and self._waiting[0].since < latest:
            late.append(self._waiting.popleft())
        return late


def _turn_away(late: list[_Waiter]) -> None:
    for waiter in late:
        waiter.turn_away()
