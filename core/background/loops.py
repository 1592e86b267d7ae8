"""Background threads, all built on one class.

A loop starts lazily, with the first work it is given, so it is safe across forks. It runs when woken or at an interval,
survives any exception with exponential back-off, and stops with the process, after a final step and within a deadline.
A metric counts its failures, and `/readyz` warns about a loop that keeps failing.

Work that is not tied to a particular process belongs in a Celery task (core.background.jobs) instead.
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
# Consecutive failures before `/readyz` warns.
FAILURES_TO_WARN_OF = 5

log = structlog.get_logger("pomelo.background")
FAILURES = Counter("pomelo_background_failures_total", "Steps of background threads that failed", ["loop"])


class BackOff:
    """Exponential back-off with jitter: doubles with each consecutive failure, up to half a minute."""

    def __init__(self) -> None:
        self.failures = 0

    def next(self) -> float:
        """Count a failure and return the seconds to wait."""
        # The exponent is capped, since the number of failures is unbounded.
        pause: float = min(FIRST_PAUSE_SECONDS * 2 ** min(self.failures, 10), LONGEST_PAUSE_SECONDS)
        self.failures += 1
        return pause * random.uniform(0.8, 1.0)  # noqa: S311  not a secret

    def reset(self) -> None:
        """Clear the failure count after a success."""
        self.failures = 0


class Loop:
    """A thread that runs `step` whenever it is woken, and every `every` seconds if given.

    `step` may return the number of seconds after which to call it again. The loop pauses for `rest` seconds after each step,
    so that work arriving meanwhile is batched. On shutdown, `finish` is called, or `step` once more (unless `last_step` is
    False); `interrupt` asks a running step to end.
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
        """Reset the state in a forked child, which has neither its parent's thread nor the holders of its locks."""
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._event = threading.Event()
        self._wanted = False
        self._waiting = False
        self._stopping = False
        self._back_off.reset()

    @property
    def failures(self) -> int:
        """The number of consecutive failed steps."""
        return self._back_off.failures

    def start(self) -> None:
        """Start the thread if it is not running. Cheap enough for a hot path; does nothing once stopped."""
        if self._thread is None and not self._stopping:
            with self._starting:
                if self._thread is None:
                    self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
                    self._thread.start()
                    _watch_the_end()

    def wake(self) -> None:
        """Schedule a step. Thread-safe and cheap enough for a hot path."""
        self._wanted = True
        if self._waiting:
            self._event.set()
        self.start()

    def stop(self, seconds: float | None = None) -> bool:
        """Stop the loop after its final step; return whether it stopped within its deadline."""
        self.request_stop()
        thread = self._thread
        if thread is None:
            return True
        thread.join(self._stop_seconds if seconds is None else seconds)
        if thread.is_alive():
            log.error("background.not_ended", loop=self.name)
        return not thread.is_alive()

    def request_stop(self) -> None:
        """Ask the loop to stop, without waiting for it."""
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
        """Run one step; return the seconds until the next one, or None to wait until woken."""
        ok, asked = self._try(self._step)
        if not ok:
            # A wake-up does not cut the back-off short: the step would only fail again.
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
        # `wake` does these two in the opposite order, so that either we see its request or it sees us waiting.
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
    """Stop all loops when the main thread ends.

    Not with `atexit`, which does not run in processes started by multiprocessing (a web server's workers). The watching
    thread is not a daemon, so the interpreter waits for the loops' final steps.
    """
    global _watcher
    with _watching:
        if _watcher is None:
            _watcher = threading.Thread(target=_stop_all_at_exit, name="end-of-process", daemon=False)
            _watcher.start()


def stop_all() -> bool:
    """Stop all loops of this process after their final steps; return whether all stopped within their deadlines."""
    loops = list(_LOOPS)
    # Signal all of them first, so that their final steps run concurrently.
    for loop in loops:
        loop.request_stop()
    ended = [loop.stop() for loop in loops]
    return all(ended)


def _stop_all_at_exit() -> None:
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
