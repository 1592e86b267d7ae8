"""Runs a worker process that is killed, by itself or once its order has arrived."""

import signal
from collections.abc import Callable
from typing import Any

from tests.forked import Forked
from tests.waiting import wait_until


def kill_worker(work: Callable[..., None], *arguments: Any, once: Callable[[], object] | None = None) -> None:
    """Run `work` in a process and wait until it is killed: by SIGKILL once `once()` returns something, or by itself without `once`."""
    worker = Forked(work, *arguments)
    if once is not None:

        def is_time() -> object:
            assert worker.process.is_alive(), "the worker ended by itself"
            return once()

        wait_until(is_time, "the order never arrived")
        worker.kill()
    assert worker.join() == -signal.SIGKILL
