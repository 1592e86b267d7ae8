"""Granian's worker process, with our door in the place of its event loop's callbacks.

Granian offers two ways in. Its WSGI one gives the whole request to a thread, which then waits for a slow body, cannot tell a
body that broke off from one that ended, and has folded `X_Forwarded_For` into `X-Forwarded-For`. Its RSGI one has none of these
faults and passes each request through an event loop and on to a thread of ours: two more changes of thread than a Django request
needs (by an early estimate a tenth of its speed; it was not measured on its own). Here RSGI's requests are taken where granian
hands them over, on its threads, and only bodies go through the loop.

This uses classes that granian does not document; `tests/attacks/test_slow_peers.py` fails when an upgrade changes them.
"""

import asyncio
import os
import socket
import sys
from typing import Any

from granian._granian import CallbackScheduler, RSGIWorker
from granian._signals import set_loop_signals
from granian.server.common import WORKERS_METHODS
from granian.server.mp import WorkerProcess

# A peer that takes nothing off the wire for so long is gone (Linux TCP_USER_TIMEOUT, RFC 5482).
UNREAD_MILLISECONDS = 30_000
# One that says nothing is asked whether it is still there.
KEEPALIVE_SECONDS = 60


class _Scheduler(CallbackScheduler):
    """Gives every request to one function, on the thread that granian calls from."""

    def __init__(self, loop: asyncio.AbstractEventLoop, take: Any, *_: Any) -> None:
        super().__init__()
        self._schedule_fn = take


@WorkerProcess.wrap_target
def serve_worker(
    worker_id: int,
    application: Any,
    sock: Any,
    ipc: Any,
    loop: asyncio.AbstractEventLoop,
    runtime_mode: Any,
    runtime_threads: int,
    runtime_blocking_threads: int | None,
    blocking_threads: int,
    blocking_threads_idle_timeout: int,
    backpressure: int,
    task_impl: Any,
    http_mode: Any,
    http1_settings: Any,
    http2_settings: Any,
    websockets: bool,
    static_path: Any,
    log_access_fmt: str | None,
    ssl_ctx: tuple[Any, ...],
    scope_opts: dict[str, Any],
    metrics: Any,
) -> None:
    """Serve until SIGTERM. `blocking_threads` counts requests that are worked on; two more threads sort."""
    from config.door.intake import Door  # needs the settings, which the application has loaded

    # Four threads that are busy would let the one that sorts wait for its turn for four times five milliseconds, again and again.
    sys.setswitchinterval(0.001)
    shutdown = set_loop_signals(loop)
    stopped = asyncio.Event()

    def stop() -> None:
        door.close()
        stopped.set()

    shutdown.add_cb(lambda: loop.call_soon_threadsafe(stop))  # the loop runs below, when there is a door
    worker_class: Any = RSGIWorker  # whose published signature lacks some of these
    worker = worker_class(
        worker_id,
        _listening(sock),
        ipc,
        runtime_threads,
        runtime_blocking_threads,
        blocking_threads + 2,
        blocking_threads_idle_timeout,
        backpressure,
        http_mode,
        http1_settings,
        http2_settings,
        websockets,
        static_path,
        *ssl_ctx,
        metrics,
    )
    serve = getattr(worker, WORKERS_METHODS[runtime_mode][False])
    door = Door(application, loop, threads=blocking_threads)
    serve(_Scheduler(loop, door, None, None, None), loop, shutdown)
    loop.run_until_complete(stopped.wait())


def _listening(sock: tuple[Any, Any]) -> tuple[Any, Any]:
    """Return granian's pair of specification and socket, with a socket that gives up on peers that do not read."""
    specification, _ = sock
    holder = specification.build()
    _, _, backlog = specification.__getstate__()
    with socket.socket(fileno=os.dup(holder.get_fd())) as listener:
        # Accepted connections inherit these.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD_MILLISECONDS)
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE_SECONDS)
        listener.listen(backlog)
    return None, holder
