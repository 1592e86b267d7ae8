"""Whether more comes in than can be done, and how much is worked on at a time while it does.

A queue is good as long as it absorbs a crowd, and bad when it stands: then everybody waits and nothing is gained (Nichols and Jacobson,
"Controlling Queue Delay", ACM Queue 2012). So what counts is not how long a queue is but whether it becomes shorter.
"""

import math
from collections.abc import Callable

# Overload begins when a queue has not become shorter between two looks at it,
LOOK_SECONDS = 0.07
# and who comes now would wait for longer than this, and than so many jobs take. A few callers more than there are threads, each of which
# sends the next request when it has the last answer, make a queue that stands too; but it is short, and nobody needs to be refused.
STANDING_SECONDS = 0.1
STANDING_JOBS = 4
# It is over after so long, unless more than MANY of those who came meanwhile were refused (a short queue refuses some even when all could be
# served),
TERM_SECONDS = 1.0
MANY = 0.3
# and in any case after this: whoever comes back each time it is refused could keep it up for ever, where nobody would need to be refused
# if all were let in. An overload that lasts is noticed again within two looks.
BELIEVED_SECONDS = 30.0
# One more is worked on at a time, each so many seconds, while the process uses less than this of a processor.
WINDOW_SECONDS = 0.25
LEAST_BUSY = 0.5
# An exception does not count for more than this, in times of what was usual: jobs that take long are few, but take very long.
MOST_TIMES = 4.0


def follow(estimate: float, sample: float) -> float:
    """Return the moving average of some twenty samples, of which no single one counts for much."""
    return max(estimate + (min(sample, MOST_TIMES * estimate) - estimate) / 20, 1e-5)


class Overload:
    """Not thread-safe by itself. Times are in seconds, on one clock.

    How many jobs keep a process busy is what a job takes by itself, divided by its processor time: so many fit into each other's waits.
    It is measured while there is no crowd, from jobs beside which nothing else was worked on; until one was, every thread is of use. Jobs
    under an overload may be others, which wait for longer: that shows in a process that is idle although it refuses requests.
    """

    def __init__(self, threads: int, *, job_seconds: float, process_clock: Callable[[], float]) -> None:
        self._threads, self._process_clock = threads, process_clock
        self._alone, self._cpu = job_seconds * threads, job_seconds
        # When the queue was looked at, and how long it was then; infinitely long when it began.
        self._looked_at, self._looked_length = 0.0, math.inf
        self._is_on = False
        self._proved_at = self._term_ends = self._window_at = self._window_cpu = 0.0
        self._came = self._refused = self._more = 0
        self._refused_at = 0.0

    def is_on(self, now: float) -> bool:
        """Return whether more comes in than can be done."""
        if self._is_on and now >= self._term_ends:
            is_recent = now - self._refused_at < TERM_SECONDS and now - self._proved_at < BELIEVED_SECONDS
            self._is_on = is_recent and self._refused > MANY * self._came
            self._begin_term(now)
        return self._is_on

    def limit(self, now: float) -> int:
        """Return how many jobs may be worked on at a time."""
        if not self.is_on(now):
            return self._threads
        return min(self._threads, self._at_once() + self._more)

    def saw_alone(self, *, seconds: float, cpu: float) -> None:
        """Note what a job took beside which nothing else was worked on."""
        self._alone, self._cpu = follow(self._alone, seconds), follow(self._cpu, cpu)

    def queue_begins(self, now: float) -> None:
        """Note that somebody begins to wait, and nobody waited before."""
        self._looked_at, self._looked_length = now, math.inf

    def look(self, now: float, *, length: int, waits: float, job_seconds: float) -> None:
        """Look at a queue: how many wait, how long the next one would, and what a job takes."""
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
        """Note that a request comes."""
        self._came += 1

    def refused(self, now: float) -> None:
        """Note that one is refused."""
        self._refused, self._refused_at = self._refused + 1, now

    def _at_once(self) -> int:
        # One more for less than a tenth of its time would mostly stand in the way.
        return max(1, math.ceil(self._alone / self._cpu - 0.1))

    def _begin_term(self, now: float) -> None:
        self._term_ends, self._came, self._refused = now + TERM_SECONDS, 0, 0

    def _look_at_processor(self, now: float) -> None:
        cpu = self._process_clock()
        if cpu - self._window_cpu < LEAST_BUSY * (now - self._window_at):
            self._more = min(self._more + 1, self._threads - 1)
        self._window_at, self._window_cpu = now, cpu
