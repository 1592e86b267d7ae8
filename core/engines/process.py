"""A server process: started with a log file, awaited, stopped, and recognized after a crash."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from core.engines.errors import EngineError

LOG_LIMIT = 10 * 1024 * 1024
POLL_SECONDS = 0.02


class ServerProcess:
    """A child process in its own session, so that Ctrl-C in the terminal does not reach it."""

    def __init__(self, name: str, log: Path) -> None:
        self.name = name
        self.log = log
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The process ID while it is running."""
        return self._child.pid if self._child and self._child.poll() is None else None

    def start(self, command: list[str], *, environment: dict[str, str]) -> None:
        """Start the process; its output is appended to the log."""
        if self.log.exists() and self.log.stat().st_size > LOG_LIMIT:
            self.log.replace(self.log.with_suffix(".log.1"))
        with self.log.open("ab") as output:
            self._child = subprocess.Popen(  # noqa: S603 - a packaged binary with arguments of ours
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
                cwd="/",
                start_new_session=True,
            )

    def wait_until(self, ready: Callable[[], bool], *, seconds: float) -> bool:
        """Wait for `ready()`. Returns False if the process exits first. Raises EngineError after `seconds`."""
        deadline = time.monotonic() + seconds
        while not ready():
            if self.pid is None:
                return False
            if time.monotonic() > deadline:
                raise EngineError(f"{self.name} was not ready within {seconds:.0f} s.\n{self.log_tail()}")
            time.sleep(POLL_SECONDS)
        return True

    def stop(self, sign: signal.Signals, *, seconds: float) -> None:
        """Ask the process to stop. After `seconds`, kill it and its children."""
        if self._child is None:
            return
        if self._child.poll() is None:
            self._child.send_signal(sign)
            try:
                self._child.wait(seconds)
            except subprocess.TimeoutExpired:
                self.kill()
        self._child = None

    def kill(self) -> None:
        """SIGKILL the process and its children, as in a crash, and wait until it has exited."""
        if self._child is not None:
            if self._child.poll() is None:
                os.killpg(self._child.pid, signal.SIGKILL)
            self._child.wait()

    def log_tail(self, lines: int = 12) -> str:
        """Return the end of the log, for an error message."""
        try:
            text = self.log.read_text(errors="replace")
        except FileNotFoundError:
            return f"(no log at {self.log})"
        return f"The end of {self.log}:\n" + "\n".join(f"  {line}" for line in text.splitlines()[-lines:])


def command_line(pid: int) -> str:
    """Return the command line of a process, or an empty string if it does not exist."""
    try:
        return " ".join(psutil.Process(pid).cmdline())
    except psutil.Error:
        return ""


def end_orphan(pid_file: Path, *, marker: str, sign: signal.Signals, seconds: float) -> None:
    """Stop the server left by an earlier, killed run, and remove its pid file.

    The process is only stopped if its command line contains `marker`, because its process ID may have been reused after a crash.
    """
    try:
        pid = int(pid_file.read_text().split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return
    if marker in command_line(pid):
        for attempt in (sign, signal.SIGKILL):
            deadline = time.monotonic() + seconds
            try:
                os.kill(pid, attempt)
            except ProcessLookupError:
                break
            while marker in command_line(pid) and time.monotonic() < deadline:
                time.sleep(POLL_SECONDS)
    pid_file.unlink(missing_ok=True)
