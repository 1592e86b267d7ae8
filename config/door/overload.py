"""Detects overload, and limits concurrency while it lasts.

A queue is useful while it absorbs a burst, and harmful when it persists: all requests wait and nothing is gained (Nichols and Jacobson,
"Controlling Queue Delay", ACM Queue 2012). So the criterion is not how long a queue is but whether it gets shorter.
"""

import math
from collections.abc import Callable

# Overload starts when the queue has not become shorter between two checks,
LOOK_SECONDS = 0.07
# and a new request would wait longer than this, and longer than so many average jobs. A few more clients than threads, each sending its
# next request after the last response, also make a queue that persists; but it is short, and no request needs to be refused.
STANDING_SECONDS = 0.1
STANDING_JOBS = 4
# It ends after this long, unless more than the share MANY of the requests since were refused (a short queue refuses some even if all could
# be served),
TERM_SECONDS = 1.0
MANY = 0.3
# and always after this: clients that retry each refusal could otherwise prolong it indefinitely, although all of them could be served.
# Overload that persists is detected again within two checks.
BELIEVED_SECONDS = 30.0
# Concurrency rises by one in each window in which the process uses less than this share of a core.
WINDOW_SECONDS = 0.25
LEAST_BUSY = 0.5
# A sample counts as at most this multiple of the estimate, so that one very slow job changes little.
MOST_TIMES = 4.0


def follow(estimate: float, sample: float) -> float:
    """Return the moving average over about twenty samples, with outliers limited."""
    return max(estimate + (min(sample, MOST_TIMES * estimate) - estimate) / 20, 1e-5)


class Overload:
    """The state of one process. Not thread-safe by itself. Times are in seconds, on one clock.

    The number of jobs that keep a process busy is the duration of a job running alone divided by its CPU time. It is measured from jobs
    that ran alone; until there are any, all threads are used. Jobs during overload may differ and wait longer: then the process is idle
    although it refuses requests, and the limit rises.
    """

    def __init__(self, threads: int, *, job_seconds: float, process_clock: Callable[[], float]) -> None:
        self._threads, self._process_clock = threads, process_clock
        self._alone, self._cpu = job_seconds * threads, job_seconds
        # The time and queue length of the last check; infinity when the queue began.
        self._looked_at, self._looked_length = 0.0, math.inf
        self._is_on = False
        self._proved_at = self._term_ends = self._window_at = self._window_cpu = 0.0
        self._came = self._refused = self._more = 0
        self._refused_at = 0.0

    def is_on(self, now: float) -> bool:
        """Return whether more requests arrive than can be processed."""
        if self._is_on and now >= self._term_ends:
            is_recent = now - self._refused_at < TERM_SECONDS and now - self._proved_at < BELIEVED_SECONDS
            self._is_on = is_recent and self._refused > MANY * self._came
            self._begin_term(now)
        return self._is_on

    def limit(self, now: float) -> int:
        """Return how many jobs may run at a time."""
        if not self.is_on(now):
            return self._threads
        return min(self._threads, self._at_once() + self._more)

    def saw_alone(self, *, seconds: float, cpu: float) -> None:
        """Record the duration and CPU time of a job that ran alone."""
        self._alone, self._cpu = follow(self._alone, seconds), follow(self._cpu, cpu)

    def queue_begins(self, now: float) -> None:
        """Record that a request starts to wait and none waited before."""
        self._looked_at, self._looked_length = now, math.inf

    def look(self, now: float, *, length: int, waits: float, job_seconds: float) -> None:
        """Check the queue: its length, how long a new request would wait, and the average job."""
        if self.is_on(now):
            if now - self._window_at > WINDOW_SECONDS:
                self._look_at_processor(now)
        elif now - self._looked_at > LOOK_SECONDS:
            if length >= self._looked_length and waits > max(STANDING_SECONDS, STANDING_JOBS * job_seconds):
                self._is_on, self._proved_at, self._more = True, now, 0
                self._window_at, self._window_cpu = now, self._process_clock()
                self._begin_term(now)
            self._looked_at, self._looked_length = now, length

    def came(self) -> None:
        """Record a request."""
        self._came += 1

    def refused(self, now: float) -> None:
        """Record a refusal."""
        self._refused, self._refused_at = self._refused + 1, now

    def _at_once(self) -> int:
        # One more thread that would be used less than a tenth of the time would mostly be in the way.
        return max(1, math.ceil(self._alone / self._cpu - 0.1))

    def _begin_term(self, now: float) -> None:
        self._term_ends, self._came, self._refused = now + TERM_SECONDS, 0, 0

    def _look_at_processor(self, now: float) -> None:
        cpu = self._process_clock()
        if cpu - self._window_cpu < LEAST_BUSY * (now - self._window_at):
            self._more = min(self._more + 1, self._threads - 1)
        self._window_at, self._window_cpu = now, cpu
