"""Processes of their own that work from their first moment: forked from one that has imported the platform once for the whole run.

A platform takes a second of a processor to import, which tests that kill process after process would pay every time. A
forked process shares nothing with the test's: it opens its own connections to the servers of `tests.engines`, or to those of
another environment (`call_with`).
"""

import contextlib
import functools
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.cache import caches
from django.db import connections
from django.utils.connection import BaseConnectionHandler
from django.utils.functional import empty
from django.utils.log import configure_logging

PRELOAD = "tests.preloaded"

OURS = {"accounts", "apikeys", "audit", "billing", "config", "core", "messaging", "webhooks"}
# The part of the environment from which that process has read its settings.
_environment: dict[str, str] = {}


class Forked:
    """A process that runs `work(connection, *arguments)`; `connection` is the other end of `self.connection`."""

    def __init__(self, work: Callable[..., None], *arguments: Any, has_own_environment: bool = False) -> None:
        if not has_own_environment:
            _refuse_another_environment()
        self.connection, theirs = multiprocessing.Pipe()
        self.process = _fork(work, theirs, *arguments, daemon=True)
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


def _settings_now() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name in _settings()}


def _remember_environment() -> None:
    """Keep what the process that all are forked from has read, when the first of them is."""
    if not _environment:
        _environment.update(_settings_now())


def _fork(work: Callable[..., None], *arguments: Any, daemon: bool = False) -> ForkServerProcess:
    _remember_environment()
    forks = multiprocessing.get_context("forkserver")
    forks.set_forkserver_preload([PRELOAD])
    process = forks.Process(target=work, args=arguments, daemon=daemon)
    process.start()
    return process


def _refuse_another_environment() -> None:
    """Fail rather than fork a process with settings of another environment than the test's."""
    _remember_environment()
    changed = sorted(name for name, _ in _settings_now().items() ^ _environment.items())
    assert not changed, f"forked processes have other values of {', '.join(changed)}: use call_with"


def read_settings(environment: Mapping[str, str]) -> None:
    """Have this process, which must be a forked one, read its settings anew from `environment`, when the first of them is asked for."""
    os.environ.clear()
    os.environ.update(environment)
    for name in [name for name in sys.modules if name.startswith("config.settings.")]:
        del sys.modules[name]
    settings._wrapped = empty


def _read_settings_again(environment: dict[str, str]) -> None:
    """Give this process another environment, as if it had started in it. The installed apps have to be the same."""
    apps = list(settings.INSTALLED_APPS)
    read_settings(environment)
    assert apps == settings.INSTALLED_APPS, "forked processes have the installed apps of the test"
    configure_logging(settings.LOGGING_CONFIG, settings.LOGGING)
    for handler in (connections, caches):
        _forget(handler)
    for module in [sys.modules[name] for name in sys.modules if name.partition(".")[0] in OURS]:
        for value in list(vars(module).values()):
            if hasattr(value, "cache_clear"):
                value.cache_clear()


def _forget(handler: BaseConnectionHandler) -> None:
    for alias in handler:
        with contextlib.suppress(AttributeError):  # never used here
            del handler[alias]
    vars(handler)["_settings"] = None
    vars(handler).pop("settings", None)


def _answer(
    connection: Connection, environment: dict[str, str], function: Callable[..., Any], *arguments: Any
) -> None:
    try:
        _read_settings_again(environment)
        answer = function(*arguments), ""
    except BaseException:
        answer = None, traceback.format_exc()
    connection.send(answer)


def call_with(environment: Mapping[str, str], function: Callable[..., Any], *arguments: Any) -> Any:
    """Return `function(*arguments)`, called in a process whose whole environment is `environment`.

    Raises AssertionError with the traceback if it raises something.
    """
    process = Forked(_answer, dict(environment), function, *arguments, has_own_environment=True)
    try:
        result, failure = process.receive()
    finally:
        process.kill()
    assert not failure, failure
    return result


class ForkedProgram:
    """A program of ours in a forked process, with an environment, a session and an output of its own.

    It is used like a `subprocess.Popen` of `python -m`, when a test is not about the start of the program.
    """

    def __init__(self, main: Callable[[], None], environment: Mapping[str, str], output: str) -> None:
        self._process = _fork(_run_program, main, dict(environment), output)
        assert self._process.pid is not None
        self.pid = self._process.pid

    def poll(self) -> int | None:
        """Return the exit status, or None while the program runs."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end. Return the exit status, or raise TimeoutExpired."""
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired("a forked program", timeout or 0)
        return self._process.exitcode

    def terminate(self) -> None:
        """Ask the program to end."""
        self._process.terminate()


def _run_program(main: Callable[[], None], environment: dict[str, str], output: str) -> None:
    os.setsid()
    file = os.open(output, os.O_WRONLY | os.O_APPEND)
    for stream in (sys.stdout.fileno(), sys.stderr.fileno()):
        os.dup2(file, stream)
    # Read while a library is imported, which has happened.
    assert not {"PROMETHEUS_MULTIPROC_DIR", "OTEL_EXPORTER_OTLP_ENDPOINT"} & environment.keys()
    _read_settings_again(environment)
    # What the program starts is started as usual, not by the process that this one was forked from.
    multiprocessing.set_start_method("fork", force=True)
    main()


@contextlib.contextmanager
def forked(work: Callable[..., None], *arguments: Any) -> Iterator[Forked]:
    """A process that is killed at the end of the block, if it is still there."""
    process = Forked(work, *arguments)
    try:
        yield process
    finally:
        process.kill()


__all__ = ["Connection", "Forked", "ForkedProgram", "call_with", "forked", "read_settings"]
