"""Heartbeats of worker and beat stop when they hang."""

import contextlib
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.core.valkey_servers import free_port
from tests.engines import ROOT
from tests.waiting import wait_until

COMMANDS = {
    "worker": ["worker", "--concurrency", "1", "--without-mingle", "--without-gossip", "--without-heartbeat"],
    "beat": ["beat", "--pidfile=", "--schedule", "beat-schedule"],
}


@contextlib.contextmanager
def celery(part: str, folder: Path, environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A worker or beat in `folder`; nothing of it is left afterwards."""
    program = [sys.executable, "-m", "celery", "--app", "config.celery"]
    command = [*program, *COMMANDS[part], "--loglevel", "ERROR"]
    with subprocess.Popen(command, cwd=folder, env=environment, start_new_session=True) as process:
        try:
            yield process
        finally:
            process.terminate()
            process.wait(30)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


@dataclass(frozen=True, slots=True)
class Parts:
    """A running worker, which also serves its metrics, and a beat, with the heartbeat file of each."""

    processes: dict[str, subprocess.Popen[bytes]]
    files: dict[str, Path]
    metrics_port: int


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parts]:
    folder = tmp_path_factory.mktemp("parts")
    (folder / "metrics").mkdir()
    port = free_port()
    metrics = {"WORKER_METRICS_PORT": str(port), "PROMETHEUS_MULTIPROC_DIR": str(folder / "metrics")}
    files = {part: folder / f"heartbeat of {part}" for part in COMMANDS}
    with contextlib.ExitStack() as stack:
        processes = {}
        for part, file in files.items():
            environment = os.environ | {"HEARTBEAT_FILE": str(file), "PYTHONPATH": str(ROOT)}
            environment |= metrics if part == "worker" else {}
            processes[part] = stack.enter_context(celery(part, folder, environment))
        yield Parts(processes, files, port)


def test_worker_serves_its_metrics_on_its_own_port(parts: Parts) -> None:
    output: list[bytes] = []

    def answers() -> bool:
        with (
            contextlib.suppress(OSError),
            urllib.request.urlopen(f"http://127.0.0.1:{parts.metrics_port}/metrics", timeout=5) as answer,
        ):
            output.append(answer.read())
        return bool(output)

    wait_until(answers)
    assert b"pomelo_background_failures_total" in output[-1] or b"pomelo_valkey_failures_total" in output[-1]


def test_heartbeat_files_are_touched_only_while_the_processes_work(parts: Parts) -> None:
    def times() -> dict[str, float]:
        return {part: file.stat().st_mtime for part, file in parts.files.items()}

    wait_until(lambda: all(file.exists() for file in parts.files.values()))
    first = times()
    wait_until(lambda: all(touched > first[part] + 4 for part, touched in times().items()))
    try:
        for process in parts.processes.values():
            os.killpg(process.pid, signal.SIGSTOP)
        time.sleep(0.2)
        stopped = times()
        time.sleep(7)
        assert times() == stopped
    finally:
        for process in parts.processes.values():
            os.killpg(process.pid, signal.SIGCONT)
