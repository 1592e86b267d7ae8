"""Signs of life of worker and beat, which answer no HTTP: a file (HEARTBEAT_FILE) that is touched as long as they work.

The worker touches it from the timer of its event loop, which stands still when the loop does; beat before each message it sends, the
most frequent of which is due every second. Who watches asks for the file's age (deploy/compose.yaml, deploy/kubernetes): a minute without
a touch means that something hangs. While the broker is away a worker touches nothing, since it cannot be given work.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from celery import Celery, bootsteps
from celery.signals import beat_init, before_task_publish

WORKER_SECONDS = 5.0


def touch() -> None:
    """Touch the file, where there is to be one."""
    if path := os.environ.get("HEARTBEAT_FILE"):
        Path(path).touch(mode=0o600)


class _WorkerHeartbeat(bootsteps.StartStopStep):
    """Touches the file while the worker's timer runs."""

    requires = ("celery.worker.components:Timer",)

    def start(self, worker: Any) -> None:
        """Begin: at once, then every few seconds."""
        touch()
        self._stop: Callable[[], None] = worker.timer.call_repeatedly(WORKER_SECONDS, touch).cancel

    def stop(self, worker: Any) -> None:
        """End with the worker."""
        self._stop()


def _begin_beat(**_: Any) -> None:
    touch()
    before_task_publish.connect(_on_publish)


def _on_publish(**_: Any) -> None:
    touch()


def install(app: Celery) -> None:
    """Let the processes of `app` give signs of life, where HEARTBEAT_FILE is set."""
    if os.environ.get("HEARTBEAT_FILE"):
        app.steps["worker"].add(_WorkerHeartbeat)
        beat_init.connect(_begin_beat)
