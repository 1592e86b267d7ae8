"""Heartbeats of worker and beat, which serve no HTTP: a file (HEARTBEAT_FILE) that is touched as long as they work.

The worker touches it from the timer of its event loop, which stops when the loop hangs; beat touches it before each message, the
most frequent of which is due every second. Health checks read the file's age (deploy/compose.yaml, deploy/kubernetes): a minute
without a touch means that the process hangs. While the broker is down the worker does not touch it, as it cannot receive work.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from celery import Celery, bootsteps
from celery.signals import beat_init, before_task_publish

WORKER_SECONDS = 5.0


def touch() -> None:
    """Touch the file, if configured."""
    if path := os.environ.get("HEARTBEAT_FILE"):
        Path(path).touch(mode=0o600)


class _WorkerHeartbeat(bootsteps.StartStopStep):
    """Touches the file while the worker's timer runs."""

    requires = ("celery.worker.components:Timer",)

    def start(self, worker: Any) -> None:
        """Touch the file now and then every few seconds."""
        touch()
        self._stop: Callable[[], None] = worker.timer.call_repeatedly(WORKER_SECONDS, touch).cancel

    def stop(self, worker: Any) -> None:
        """Stop with the worker."""
        self._stop()


def _begin_beat(**_: Any) -> None:
    touch()
    before_task_publish.connect(_on_publish)


def _on_publish(**_: Any) -> None:
    touch()


def install(app: Celery) -> None:
    """Enable heartbeats for the processes of `app` if HEARTBEAT_FILE is set."""
    if os.environ.get("HEARTBEAT_FILE"):
        app.steps["worker"].add(_WorkerHeartbeat)
        beat_init.connect(_begin_beat)
