"""Who may work on a request now, who waits, and who is better told at once to come again."""

import math
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

Job = Callable[[], None]

# A crowd is served as long as it is gone again within this.
PATIENCE_SECONDS = 0.5
# Overload begins when a queue has not become shorter between two looks at it.
LOOK_SECONDS = 0.07
# How long anybody may wait under overload, in times of what a job takes on average: half as many wait as are worked on.
JOBS_AHEAD = 0.5
# Less is no wait: threads take turns of a millisecond (config.door.server).
LEAST_SECONDS = 0.005
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

    A crowd that comes at once may wait for PATIENCE_SECONDS, and its queue becomes shorter all the time. One that does not will not go
    away: more comes in than can be done, and waiting only makes everybody late (Nichols and Jacobson, "Controlling Queue Delay", ACM
    Queue 2012). From then on nobody waits for longer than JOBS_AHEAD jobs take, so that admitted requests are served nearly as fast as
    on any other day, until nobody has been turned away for CALM_SECONDS.

    From then on, too, no more are worked on at a time than keep the process busy. Python runs one thread at a time: the others are of
    use only while it waits for a server, and more of them make every job slower and none sooner. Enough are as many as a job's
    processor time fits into what the job takes by itself, which is measured while there is no crowd.

    A newcomer who would wait too long is refused at once. That is an estimate, by what waits and how long jobs have taken lately; so
    whoever has waited too long after all is turned away too: when the next one comes, when a job ends, or by `sweep`.
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
        # Seconds of jobs beside which nothing else was worked on; until one was, every thread is of use.
        self._alone, self._cpu = self._average * threads, self._average
        self._overloaded_until = float("-inf")
        # When the queue was looked at, and how long it was then; infinitely long when it began.
        self._looked_at, self._looked_length = 0.0, math.inf

    def enter(self, job: Job, turn_away: Job) -> Job | None:
        """Return a job that may run now (pass it to `work`): `job`, or who came before it; None when it waits for a busy thread.

        If it waits in vain, `turn_away` is called in its place, from any thread; it must not raise. Raises Full.
        """
        found, is_full = None, False
        with self._lock:
            now = self._clock()
            late = self._take_late(now)
            if self._running < self._limit(now):
                self._running += 1
                # Behind who still waits: threads are free again after an overload.
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
        """Tell whether whoever comes now would be refused."""
        with self._lock:
            now = self._clock()
            return self._running >= self._limit(now) and self._is_full(now)

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
        # One more for less than a tenth of its time would mostly stand in the way.
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
