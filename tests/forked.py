"""Processes of their own that work from their first moment: forked from one that has imported the platform once for the whole run.

A platform takes a second of a processor to import, which tests that kill process after process would pay every time. A
forked process shares nothing with the test's: it opens its own connections to the servers of `tests.engines`.
"""

import contextlib
import functools
import multiprocessing
import os
import re
import signal
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

PRELOAD = "tests.preloaded"

# The part of the environment from which that process has read its settings.
_environment: dict[str, str] = {}


class Forked:
    """A process that runs `work(connection, *arguments)`; `connection` is the other end of `self.connection`."""

    def __init__(self, work: Callable[..., None], *arguments: Any) -> None:
        _refuse_another_environment()
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


@functools.cache
def _settings() -> frozenset[str]:
    """Return the names that the files of settings mention, and more."""
    files = (Path(__file__).resolve().parent.parent / "config" / "settings").glob("*.py")
    return frozenset(name for file in files for name in re.findall(r"[A-Z][A-Z_]+", file.read_text()))


def _refuse_another_environment() -> None:
    """Fail rather than fork a process with settings of another environment than the test's."""
    now = {name: value for name, value in os.environ.items() if name in _settings()}
    if not _environment:
        _environment.update(now)
    changed = sorted(name for name, _ in now.items() ^ _environment.items())
    assert not changed, (
        f"forked processes have other values of {', '.join(changed)}: start one with subprocess"
    )


@contextlib.contextmanager
def forked(work: Callable[..., None], *arguments: Any) -> Iterator[Forked]:
    """A process that is killed at the end of the block, if it is still there."""
    process = Forked(work, *arguments)
    try:
        yield process
    finally:
        process.kill()


__all__ = ["Connection", "Forked", "forked"]
