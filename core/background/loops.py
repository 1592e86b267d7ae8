"""Background threads of a process, all of one design.

A loop starts with the first thing there is to do, also in a process that was forked; it is woken, or works on the clock; it
outlives whatever its work raises, and backs off while that goes on; and it ends with the process, after a last step, within
a deadline. A metric counts its failures, and `/readyz` warns of a loop that keeps failing.

Work that belongs to no process in particular is a task of Celery's (core.background.jobs) instead.
"""

import os
import random
import threading
import time
import weakref
from collections.abc import Callable

import structlog
from prometheus_client import Counter

FIRST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 30.0
# From so many failures in a row on, somebody should look.
FAILURES_TO_WARN_OF = 5

log = structlog.get_logger("pomelo.background")
FAILURES = Counter("pomelo_background_failures_total", "Steps of background threads that failed", ["loop"])


class BackOff:
    """How long to wait after failures in a row: twice as long each time, up to half a minute, a little of it by chance."""

    def __init__(self) -> None:
        self.failures = 0

    def next(self) -> float:
        """Count a failure and return the seconds to wait."""
        # Bounded before the power: a number of failures has no bound.
        pause: float = min(FIRST_PAUSE_SECONDS * 2 ** min(self.failures, 10), LONGEST_PAUSE_SECONDS)
        self.failures += 1
        return pause * random.uniform(0.8, 1.0)  # noqa: S311  not a secret

    def reset(self) -> None:
        """Forget the failures: it worked."""
        self.failures = 0


class Loop:
    """A thread that does `step` whenever it is woken, and every `every` seconds if that is given.

    `step` may return the seconds after which it wants to be called again without being woken. `rest` is kept after each
    step, so that what comes meanwhile is done together. At the end `finish` is called, or `step` once more (unless
    `last_step` is False); `interrupt` tells a step that is under way to end.
    """

    def __init__(
        self,
        name: str,
        step: Callable[[], float | None],
        *,
        every: float | None = None,
        rest: float = 0.0,
        stop_seconds: float = 5.0,
        finish: Callable[[], object] | None = None,
        interrupt: Callable[[], object] | None = None,
        last_step: bool = True,
    ) -> None:
        self.name = name
        self._step = step
        self._every = every
        self._rest = rest
        self._stop_seconds = stop_seconds
        self._finish = finish or (step if last_step else None)
        self._interrupt = interrupt
        self._back_off = BackOff()
        self._forget()
        _LOOPS.add(self)

    def _forget(self) -> None:
        """Be as new: a forked child has neither its parent's thread nor whoever held a lock."""
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._event = threading.Event()
        self._wanted = False
        self._waiting = False
        self._stopping = False
        self._back_off.reset()

    @property
    def failures(self) -> int:
        """How many steps have failed in a row."""
        return self._back_off.failures

    def start(self) -> None:
        """Start the thread, if it does not run yet. Cheap enough for a hot path; does nothing once stopped."""
        if self._thread is None and not self._stopping:
            with self._starting:
                if self._thread is None:
                    self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
                    self._thread.start()
                    _watch_the_end()

    def wake(self) -> None:
        """Let a step be made soon. From any thread; cheap enough for a hot path."""
        self._wanted = True
        if self._waiting:
            self._event.set()
        self.start()

    def stop(self, seconds: float | None = None) -> bool:
        """End the loop after its last step; return whether it has ended within its deadline."""
        self.begin_to_stop()
        thread = self._thread
        if thread is None:
            return True
        thread.join(self._stop_seconds if seconds is None else seconds)
        if thread.is_alive():
            log.error("background.not_ended", loop=self.name)
        return not thread.is_alive()

    def begin_to_stop(self) -> None:
        """Tell the loop to end, without waiting for it."""
        self._stopping = True
        self._event.set()
        if self._thread is not None and self._interrupt is not None:
            self._interrupt()

    def _run(self) -> None:
        pause = self._every
        while not self._stopping:
            self._wait(pause)
            if self._stopping:
                break
            pause = self._make_step()
            if pause is None:
                pause = self._every
        if self._finish is not None:
            self._try(self._finish)

    def _make_step(self) -> float | None:
        """Make a step; return the seconds until the next one, None for when it is woken."""
        ok, asked = self._try(self._step)
        if not ok:
            # Not sooner for being woken: what fails now would fail again.
            self._sleep(self._back_off.next())
            return 0.0
        self._back_off.reset()
        if self._rest:
            self._sleep(self._rest)
        return asked if isinstance(asked, (int, float)) else None

    def _try(self, work: Callable[[], object]) -> tuple[bool, object]:
        try:
            return True, work()
        except BaseException:  # CancelledError and SystemExit among them: nothing ends this thread but `stop`
            FAILURES.labels(self.name).inc()
            log.exception("background.step_failed", loop=self.name, failures=self.failures + 1)
            return False, None

    def _wait(self, seconds: float | None) -> None:
        # In this order, and the other way round in `wake`: whoever wants a step is seen here, or sees that we wait.
        self._waiting = True
        if not self._wanted and not self._stopping:
            self._event.wait(seconds)
        self._waiting = False
        self._event.clear()
        self._wanted = False

    def _sleep(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not self._stopping and (left := deadline - time.monotonic()) > 0:
            time.sleep(min(left, 0.1))


_LOOPS: "weakref.WeakSet[Loop]" = weakref.WeakSet()
_watching = threading.Lock()
_watcher: threading.Thread | None = None


def _watch_the_end() -> None:
    """Stop every loop when the main thread ends.

    Not by `atexit`, which a process started by multiprocessing (a web server's worker) never comes to. The thread that
    waits is no daemon, so the interpreter waits for the loops' last steps.
    """
    global _watcher
    with _watching:
        if _watcher is None:
            _watcher = threading.Thread(target=_stop_all_at_the_end, name="end-of-process", daemon=False)
            _watcher.start()


def stop_all() -> bool:
    """Stop every loop of this process after its last step; return whether all have ended within their deadlines."""
    loops = list(_LOOPS)
    # All of them first, so that their last steps are made side by side.
    for loop in loops:
        loop.begin_to_stop()
    ended = [loop.stop() for loop in loops]
    return all(ended)


def _stop_all_at_the_end() -> None:
    threading.main_thread().join()
    stop_all()


def _after_fork() -> None:
    global _watcher, _watching
    _watcher, _watching = None, threading.Lock()
    for loop in list(_LOOPS):
        loop._forget()  # noqa: SLF001  of this module


os.register_at_fork(after_in_child=_after_fork)


def check_loops() -> str | None:
    """Return a warning for `/readyz` when loops of this process keep failing."""
    failing = sorted(loop.name for loop in list(_LOOPS) if loop.failures >= FAILURES_TO_WARN_OF)
    if not failing:
        return None
    return f"background work keeps failing ({', '.join(failing)}); see the log"
