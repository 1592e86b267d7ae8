"""Admission control: decides which requests run, which wait, and which are refused immediately."""

import threading
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

import structlog

from config.door.callers import answer_each
from config.door.overload import Overload, follow
from config.door.queue import FairQueue, Job, Waiter

# The longest wait under overload, as a multiple of the average job: half as many requests wait as are running.
JOBS_AHEAD = 0.5
# The longest wait in a burst of requests.
PATIENCE_SECONDS = 0.5
# Shorter waits are irrelevant: threads switch every millisecond (config.door.server).
LEAST_SECONDS = 0.005

log = structlog.get_logger(__name__)


class Full(Exception):
    """So much work is queued that this request would wait too long."""


class Turn(NamedTuple):
    """A job that has a slot. `is_alone` if no other job was running when it began; `number` counts jobs."""

    address: str
    job: Job
    is_alone: bool
    number: int


class Slots:
    """Runs at most `threads` jobs at a time. Others wait in order, for a bounded time.

    In a burst, requests may wait for PATIENCE_SECONDS while the queue gets shorter. A long queue that does not get shorter means
    overload (config.door.overload). From then on, no request waits longer than JOBS_AHEAD jobs take, so that admitted requests are
    served nearly as fast as usual, and the number of running jobs is limited to what keeps the process busy: Python runs one thread
    at a time, the others only help while it waits for a server, and more of them slow down every job.

    A new request that would wait too long is refused immediately. This is an estimate from the queue and recent job durations, so
    requests that have waited too long after all are refused later: when the next one arrives, when a job ends, or by `sweep`.

    No client address can occupy everything. One address can have all threads but one, and under overload an address with no running job
    gets a spare thread if another address has every slot. Addresses take turns in the queue; when it is full, the address with the most
    requests gives up a place to an address that would still have fewer.
    """

    def __init__(
        self,
        threads: int,
        *,
        clock: Callable[[], float] = time.monotonic,
        cpu_clock: Callable[[], float] = time.thread_time,
        process_clock: Callable[[], float] = time.process_time,
    ) -> None:
        self._threads, self._share = threads, max(threads - 1, 1)
        self._clock, self._cpu_clock = clock, cpu_clock
        self._lock = threading.Lock()
        self._queue = FairQueue()
        self._at_work: dict[str, int] = {}
        self._running = self._begun = 0
        self._average = 0.005
        self._overload = Overload(threads, job_seconds=self._average, process_clock=process_clock)

    def enter(self, job: Job, turn_away: Job, address: str = "") -> Turn | None:
        """Return what to run now (pass it to `work`): `job` or an earlier one; None if `job` has to wait for a busy thread.

        If it waits too long, `turn_away` is called instead, from any thread. Raises Full.
        """
        found, is_full = None, False
        with self._lock:
            now = self._clock()
            self._overload.came()
            if not self._queue and self._may_run(address, now):
                return self._begin(address, job)
            late, displaced = self._take_late(now), None
            if not self._may_run(address, now) and self._is_full(now):
                is_full = (displaced := self._displaced_by(address)) is None
                self._overload.refused(now)
            if displaced is not None:
                self._queue.remove(displaced)
                late.append(displaced)
            if not is_full:
                if not self._queue:
                    self._overload.queue_begins(now)
                is_patient = displaced is not None or self._takes_less(address)
                self._queue.push(Waiter(now, address, job, turn_away, is_patient))
                # Not always `job`: earlier ones may still wait for threads that became available after an overload.
                found = self._next(now)
        _turn_away(late)
        if is_full:
            raise Full
        return found

    def is_full(self, find_address: Callable[[], str] = str) -> bool:
        """Whether a new request from this address is refused. `find_address` is only called if the answer depends on it."""
        with self._lock:
            now = self._clock()
            if self._running < self._limit(now) or not self._is_full(now):
                return False
        address = find_address()
        with self._lock:
            is_full = not self._may_run(address, now) and self._displaced_by(address) is None
            if is_full:
                self._overload.came()
                self._overload.refused(now)
            return is_full

    def sweep(self) -> bool:
        """Refuse requests that have waited too long. Return whether any are still waiting."""
        with self._lock:
            late = self._take_late(self._clock())
            anybody = bool(self._queue)
        _turn_away(late)
        return anybody

    def work(self, turn: Turn | None) -> None:
        """Run the job, then waiting ones. Exceptions are logged, so that no slot is lost."""
        while turn is not None:
            began, cpu_began = self._clock(), self._cpu_clock()
            try:
                turn.job()
            except BaseException:  # even SystemExit, because waiting jobs need this thread
                log.exception("door.job_failed")
            turn = self.finish(turn, seconds=self._clock() - began, cpu=self._cpu_clock() - cpu_began)

    def finish(self, turn: Turn, *, seconds: float, cpu: float) -> Turn | None:
        """Pass the slot of a finished job to the next one, and return it; None if there is none. `work` calls this."""
        with self._lock:
            self._running -= 1
            if (left := self._at_work[turn.address] - 1) > 0:
                self._at_work[turn.address] = left
            else:
                del self._at_work[turn.address]
            self._average = follow(self._average, seconds)
            if turn.is_alone and turn.number == self._begun:
                self._overload.saw_alone(seconds=seconds, cpu=cpu)
            if not self._queue:
                return None
            now = self._clock()
            late = self._take_late(now)
            found = self._next(now)
        _turn_away(late)
        return found

    # --- with the lock held -------------------------------------------------------------------------------------------

    def _limit(self, now: float) -> int:
        return self._overload.limit(now)

    def _may_run(self, address: str, now: float) -> bool:
        if self._running < self._limit(now):
            return self._at_work.get(address, 0) < self._share
        return self._running < self._threads and address not in self._at_work and self._is_taken_over(now)

    def _is_taken_over(self, now: float) -> bool:
        """Whether one address has as many running jobs as are allowed under overload, and more than one."""
        return max(self._at_work.values(), default=0) >= max(self._limit(now), 2)

    def _takes_less(self, address: str) -> bool:
        others = {*self._at_work, *self._queue.names()} - {address}
        most = max((self._at_work.get(each, 0) + self._queue.count(each) for each in others), default=0)
        return most > self._at_work.get(address, 0) + 1

    def _next(self, now: float) -> Turn | None:
        if self._running < self._limit(now):
            waiter = self._queue.pop(lambda address: self._at_work.get(address, 0) < self._share)
        elif self._running < self._threads and self._queue and self._is_taken_over(now):
            waiter = self._queue.pop(lambda address: address not in self._at_work)
        else:
            waiter = None
        return None if waiter is None else self._begin(waiter.address, waiter.job)

    def _begin(self, address: str, job: Job) -> Turn:
        self._running += 1
        self._begun += 1
        self._at_work[address] = self._at_work.get(address, 0) + 1
        return Turn(address, job, self._running == 1, self._begun)

    def _displaced_by(self, address: str) -> Waiter | None:
        """Return the request that gives up its place to a new one: the newest of the address with the most, if the new one's has fewer."""
        has = self._queue.count(address) + self._at_work.get(address, 0)
        most, largest = max(
            ((waiting + self._at_work.get(other, 0), other) for other, waiting in self._queue.addresses()),
            default=(0, ""),
        )
        return self._queue.newest(largest) if most > has + 1 else None

    def _patience(self, now: float) -> float:
        if self._overload.is_on(now):
            return min(max(JOBS_AHEAD * self._average, LEAST_SECONDS), PATIENCE_SECONDS)
        return PATIENCE_SECONDS

    def _is_full(self, now: float) -> bool:
        return len(self._queue) * self._average >= self._patience(now) * self._limit(now)

    def _take_late(self, now: float) -> list[Waiter]:
        late: list[Waiter] = []
        if not self._queue:
            return late
        waits = max(len(self._queue) * self._average / self._threads, now - next(iter(self._queue)).since)
        self._overload.look(now, length=len(self._queue), waits=waits, job_seconds=self._average)
        patience = self._patience(now)
        for waiter in self._queue:
            waited = now - waiter.since
            if waited <= patience:
                break
            if waited > PATIENCE_SECONDS or not waiter.is_patient:
                late.append(waiter)
        for waiter in late:
            self._queue.remove(waiter)
            self._overload.refused(now)
        return late


def _turn_away(late: Iterable[Waiter]) -> None:
    answer_each(late, lambda waiter: waiter.turn_away())
