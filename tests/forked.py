"""Processes of their own that work from their first moment: forked from one that has imported the platform once for the whole run.

A platform takes a second of a processor to import, which tests that kill process after process would pay every time. A
forked process shares nothing with the test's: it opens its own connections to the servers of `tests.engines`.
"""

import contextlib
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import Any

PRELOAD = "tests.preloaded"


class Forked:
    """A process that runs `work(connection, *arguments)`; `connection` is the other end of `self.connection`."""

    def __init__(self, work: Callable[..., None], *arguments: Any) -> None:
        forks = multiprocessing.get_context("forkserver")
        forks.set_forkserver_preload([PRELOAD])
        self.connection, theirs = forks.Pipe()
        self.process = forks.Process(target=work, args=(theirs, *arguments), daemon=True)
        self.process.start()
        theirs.close()

    def receive(self) -> Any:
        """Return what the process sends next. Raises EOFError if it has ended."""
        return self.connection.recv()

    def kill(self) -> None:
        """SIGKILL the process and wait for it, unless it has ended by itself."""
        if self.process.is_alive():
            assert self.process.pid is not None
            os.kill(self.process.pid, signal.SIGKILL)
        self.join()

    def join(self, seconds: float = 60) -> int | None:
        """Wait for the end of the process. Return its exit status, as `subprocess` does."""
        self.process.join(seconds)
        assert not self.process.is_alive(), "the process did not end"
        self.connection.close()
        return self.process.exitcode


@contextlib.contextmanager
def forked(work: Callable[..., None], *arguments: Any) -> Iterator[Forked]:
    """A process that is killed at the end of the block, if it is still there."""
    process = Forked(work, *arguments)
    try:
        yield process
    finally:
        process.kill()


__all__ = ["Connection", "Forked", "forked"]
