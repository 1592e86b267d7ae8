"""Runs a worker process that is killed, by itself or once its order has arrived."""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from typing import Any


def kill_worker(work: Callable[..., None], *arguments: Any, once: Callable[[], object] | None = None) -> None:
    """Run `work` in a process and wait until it is killed: by SIGKILL once `once()` returns something, or by itself without `once`."""
    forks = multiprocessing.get_context("forkserver")
    forks.set_forkserver_preload(["tests.billing.crashing"])
    worker = forks.Process(target=work, args=arguments)
    worker.start()
    if once is not None:
        deadline = time.monotonic() + 60
        while not once():
            assert worker.is_alive(), "the worker ended by itself"
            assert time.monotonic() < deadline, "the order never arrived"
            time.sleep(0.005)
        assert worker.pid is not None
        os.kill(worker.pid, signal.SIGKILL)
    worker.join(60)
    assert worker.exitcode == -signal.SIGKILL
