"""Heartbeats of worker and beat stop when they hang."""

import contextlib
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.core.valkey_servers import free_port
from tests.engines import ROOT

COMMANDS = {
    "worker": ["worker", "--concurrency", "1", "--without-mingle", "--without-gossip", "--without-heartbeat"],
    "beat": ["beat", "--pidfile=", "--schedule", "beat-schedule"],
}


def wait_for(is_so: Any, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.1)


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


@pytest.mark.parametrize("part", ["worker", "beat"])
def test_heartbeat_file_is_touched_only_while_the_process_works(part: str, tmp_path: Path) -> None:
    file = tmp_path / "heartbeat"
    environment = os.environ | {"HEARTBEAT_FILE": str(file), "PYTHONPATH": str(ROOT)}
    with celery(part, tmp_path, environment) as process:
        try:
            wait_for(file.exists)
            first = file.stat().st_mtime
            wait_for(lambda: file.stat().st_mtime > first + 4)
            os.killpg(process.pid, signal.SIGSTOP)
            time.sleep(0.2)
            stopped = file.stat().st_mtime
            time.sleep(7)
            assert file.stat().st_mtime == stopped
        finally:
            os.killpg(process.pid, signal.SIGCONT)


def test_worker_serves_its_metrics_on_its_own_port(tmp_path: Path) -> None:
    folder = tmp_path / "metrics"
    folder.mkdir()
    port = free_port()
    environment = os.environ | {
        "WORKER_METRICS_PORT": str(port),
        "PROMETHEUS_MULTIPROC_DIR": str(folder),
        "PYTHONPATH": str(ROOT),
    }
    with celery("worker", tmp_path, environment):
        output: list[bytes] = []

        def answers() -> bool:
            with (
                contextlib.suppress(OSError),
                urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer,
            ):
                output.append(answer.read())
            return bool(output)

        wait_for(answers)
    assert b"pomelo_background_failures_total" in output[-1] or b"pomelo_valkey_failures_total" in output[-1]
