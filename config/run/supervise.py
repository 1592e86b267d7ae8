"""Supervises one program of the Procfile: `python -I -S supervise.py RUN_PID COMMAND`, started by honcho instead of the program.

Honcho signals whole process groups, does not clean up their remains, restarts nothing, and is outlived by its children. So each
program gets its own group, of which only the leader receives the stop signal, so that it can let its workers finish.
"""

import contextlib
import os
import select
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

LAUNCHER = Path(__file__).resolve().parents[2] / "core" / "engines" / "launch.py"
SETTLED_SECONDS = 10
PATIENCE_SECONDS = 20


def bound_command(program: list[str]) -> list[str]:
    """Return a command that executes `program` and gets SIGTERM when its starting thread ends, even by SIGKILL (Linux)."""
    plan = ["same", "0", "0", str(os.getpid()), str(int(signal.SIGTERM)), "/"]
    return [sys.executable, "-I", "-S", str(LAUNCHER), *plan, "--", *program]


class Supervisor:
    """Runs a command until SIGTERM, restarting it after a crash."""

    def __init__(self, command: str) -> None:
        self._command = bound_command(["/bin/sh", "-c", f"exec {command}"])
        self._child: subprocess.Popen[bytes] | None = None
        self._stopping = False
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGALRM, self._kill)

    def run(self) -> int:
        """Run the command. Return its last exit status."""
        while not self._stopping:
            began = time.monotonic()
            self._child = subprocess.Popen(self._command, start_new_session=True)  # noqa: S603 - our own Procfile
            if self._stopping:  # stopped between the two lines above
                self._child.terminate()
            code = self._wait(self._child)
            if self._stopping or not _should_restart(code, time.monotonic() - began):
                return code if code >= 0 else 1
            print(f"exited with {code}; restarting", flush=True)  # noqa: T201 - honcho shows it
        return 0

    def _wait(self, child: subprocess.Popen[bytes]) -> int:
        """Wait until the leader has exited, and kill the rest of its group: workers would occupy its port unsupervised."""
        os.waitid(
            os.P_PID, child.pid, os.WEXITED | os.WNOWAIT
        )  # not reaped yet, so that its PID cannot be reused
        self._kill()
        return child.wait()

    def _stop(self, *_: object) -> None:
        if not self._stopping:
            self._stopping = True
            signal.alarm(PATIENCE_SECONDS)
        if self._child is not None:
            self._child.terminate()

    def _kill(self, *_: object) -> None:
        if self._child is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._child.pid, signal.SIGKILL)


def _should_restart(code: int, seconds: float) -> bool:
    """Return whether to restart: it was killed, or crashed after running for a while. One that fails at start would fail again."""
    asked = code in (0, -signal.SIGTERM, 128 + signal.SIGTERM)
    return code == -signal.SIGKILL or (not asked and seconds > SETTLED_SECONDS)


def stop_with(run: int) -> None:
    """Send this process SIGTERM when the run has ended, even by SIGKILL (Linux)."""
    if not hasattr(os, "pidfd_open"):
        return
    try:
        watched = os.pidfd_open(run)
    except ProcessLookupError:
        sys.exit("the run has ended")

    def watch() -> None:
        select.select([watched], [], [])
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    supervisor = Supervisor(sys.argv[2])
    stop_with(int(sys.argv[1]))
    sys.exit(supervisor.run())
