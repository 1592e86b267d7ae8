"""Runs a worker process that is killed, by itself or once its order has arrived."""

import signal
import time
from collections.abc import Callable
from typing import Any

from tests.forked import Forked


def kill_worker(work: Callable[..., None], *arguments: Any, once: Callable[[], object] | None = None) -> None:
    """Run `work` in a process and wait until it is killed: by SIGKILL once `once()` returns something, or by itself without `once`."""
    worker = Forked(work, *arguments)
    if once is not None:
        deadline = time.monotonic() + 60
        while not once():
            assert worker.process.is_alive(), "the worker ended by itself"
            assert time.monotonic() < deadline, "the order never arrived"
            time.sleep(0.02)
        worker.kill()
    assert worker.join() == -signal.SIGKILL
