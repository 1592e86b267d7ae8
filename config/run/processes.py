"""The processes of the Procfile, managed by honcho. None outlives the run, and killed ones are restarted."""

import contextlib
import multiprocessing
import os
import shlex
import signal
import sys
import threading
import time
from collections.abc import Callable, Collection
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

from honcho.environ import parse_procfile
from honcho.manager import Manager
from honcho.process import Popen, Process

from config.run.options import ROOT
from core.engines.identity import LAUNCHER
from core.engines.launch import die_with_parent

PROCFILE = ROOT / "Procfile"
DEV_PROCFILE = ROOT / "Procfile.dev"
SETTLED_SECONDS = 10
PATIENCE_SECONDS = 20


def bound_command(program: list[str]) -> list[str]:
    """Return a command that executes `program` and gets SIGTERM when its starting thread ends, even by SIGKILL (Linux)."""
    plan = ["same", "0", "0", str(os.getpid()), str(int(signal.SIGTERM)), "/"]
    return [sys.executable, "-I", "-S", str(LAUNCHER), *plan, "--", *program]


class BoundProcess(Process):
    """A process that ends with the run, even if the run is killed by SIGKILL.

    Honcho starts each command from an intermediate process. That one is bound to the run, and the command to it.
    """

    stopping: Event

    def run(self, events: object = None, ignore_signals: bool = False) -> None:
        """Run the command and forward its output, restarting it after a crash. Called in honcho's intermediate process."""
        die_with_parent(signal.SIGKILL)  # it ignores the gentler ones
        launcher = shlex.join(bound_command(["/bin/sh", "-c"]))
        self.cmd: str = f"exec {launcher} {shlex.quote(f'exec {self.cmd}')}"
        self._child_ctor = _start_swept
        while True:
            began = time.monotonic()
            self._stop_message: dict[str, int] = {}
            super().run(events, ignore_signals)
            code = self._stop_message["returncode"]
            if self.stopping.is_set() or not _may_begin_again(code, time.monotonic() - began):
                super()._send_message(self._stop_message, type="stop")
                return
            super()._send_message(f"exited with {code}; restarting\n".encode())

    def _send_message(self, data: object, type: str = "line") -> None:  # noqa: A002 - honcho's name
        if type == "stop" and isinstance(data, dict):
            self._stop_message = data
        else:
            super()._send_message(data, type=type)


def _may_begin_again(code: int, seconds: float) -> bool:
    """Return whether to restart: it was killed, or crashed after running for a while. One that fails at start would fail again."""
    asked = code in (0, -signal.SIGTERM, 128 + signal.SIGTERM)
    return code == -signal.SIGKILL or (not asked and seconds > SETTLED_SECONDS)


def _start_swept(command: str, **options: Any) -> Popen:
    """Start a command whose process group is killed when its leader ends.

    Otherwise the workers of a killed leader would continue unsupervised and hold its port and our pipe.
    """
    child = Popen(command, **options)

    def sweep() -> None:
        # Left unreaped, so that the number is still its own. Honcho may have reaped it a moment ago: what is left of the
        # group keeps the number taken.
        with contextlib.suppress(ChildProcessError):
            os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)

    threading.Thread(target=sweep, daemon=True).start()
    return child


class _Terminator:
    """Ends a process gently by telling only its leader, so that the leader can let its workers finish."""

    def terminate(self, pid: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)

    def kill(self, pid: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)


class PlatformManager(Manager):
    """Honcho's manager, with bound processes and a hook for when all have been started."""

    def __init__(self, *, started: Callable[[], None]) -> None:
        super().__init__()
        self._process_ctor = BoundProcess
        self._procmgr = _Terminator()
        self._started = started
        self._stopping = multiprocessing.Event()
        self._told_at: float | None = None

    def add_process(self, name: str, cmd: str, **options: Any) -> Process:
        """Add a process that knows when all processes are being stopped."""
        process = super().add_process(name, cmd, **options)
        process.stopping = self._stopping
        return process

    def terminate(self) -> None:
        """Ask every process to end."""
        self._stopping.set()
        if self._told_at is None:
            self._told_at = time.monotonic()
            # Honcho escalates to SIGKILL only after some process has ended; this covers the case that all hang.
            timer = threading.Timer(PATIENCE_SECONDS, self.kill)
            timer.daemon = True
            timer.start()
        super().terminate()

    def kill(self) -> None:
        """Kill every process, but only after its grace period, because a worker may be finishing a job."""
        if self._told_at is None or time.monotonic() - self._told_at >= PATIENCE_SECONDS:
            super().kill()

    def sweep(self) -> None:
        """Kill whatever is left in the process groups after `loop()`."""
        for process in self._processes.values():
            if process.get("pid"):
                self._procmgr.kill(process["pid"])

    def _start(self) -> None:
        super()._start()
        self._started()  # threads only from here on: honcho forks


def add_procfile(
    manager: PlatformManager,
    environment: dict[str, str],
    procfile: Path = PROCFILE,
    *,
    without: Collection[str] = (),
) -> None:
    """Add every process of the Procfile except `without`."""
    for name, command in parse_procfile(procfile.read_text()).processes.items():
        if name not in without:
            manager.add_process(name, command, env=environment, cwd=str(ROOT))
