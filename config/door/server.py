"""Granian's worker process, with our front door in place of its event loop callbacks.

Granian has two interfaces. WSGI passes the whole request to a thread, which then waits for a slow body, cannot distinguish a
truncated body from a complete one, and has already folded `X_Forwarded_For` into `X-Forwarded-For`. RSGI has none of these problems,
but passes each request through an event loop to one of our threads: two more thread switches than a Django request needs (by an
early estimate a tenth of its speed; this was not measured separately). Here, RSGI requests are taken on the threads on which granian
delivers them, and only bodies go through the loop.

This relies on undocumented granian classes. `tests/attacks/test_slow_peers.py` fails if an upgrade changes them.
"""

import asyncio
import os
import signal
import socket
import sys
from typing import Any

from granian._granian import CallbackScheduler, RSGIWorker
from granian._signals import set_loop_signals
from granian.server.common import WORKERS_METHODS
from granian.server.mp import WorkerProcess

# A peer that acknowledges no data for this long is considered dead (Linux TCP_USER_TIMEOUT, RFC 5482).
UNREAD_MILLISECONDS = 30_000
# How long after SIGTERM requests may take to end. The worker then ends without them, with time for the last steps of its loops:
# granian kills it after KILL_SECONDS, and what is kept of logged requests until Valkey is back would be lost.
UNDER_WAY_SECONDS = 12
KILL_SECONDS = 20
# Keep-alive probes for idle peers.
KEEPALIVE_SECONDS = 60


class _Scheduler(CallbackScheduler):
    """Passes every request to one function, on the thread that granian calls from."""

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
    """Serve until SIGTERM. One address can have `blocking_threads` concurrent requests, all others at least one; two threads dispatch."""
    from config.door.intake import Door  # needs the settings, which the application has loaded

    # With four busy threads, the dispatching thread would repeatedly wait four times five milliseconds for its turn.
    sys.setswitchinterval(0.001)
    shutdown = set_loop_signals(loop)
    stopped = asyncio.Event()

    def stop() -> None:
        try:
            door.close()
        finally:
            shutdown.set()
            loop.call_later(UNDER_WAY_SECONDS, stopped.set)

    # In place of granian's handlers: it waits for all requests under way before it calls back, so long polls have to be answered
    # first. Handled in the loop, which runs below, once the door exists.
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    shutdown.add_cb(lambda: loop.call_soon_threadsafe(stopped.set))
    worker_class: Any = RSGIWorker  # whose published signature lacks some of these
    worker = worker_class(
        worker_id,
        _listening(sock),
        ipc,
        runtime_threads,
        runtime_blocking_threads,
        blocking_threads + 3,
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
    door = Door(application, loop, threads=blocking_threads + 1)
    serve(_Scheduler(loop, door, None, None, None), loop, shutdown)
    loop.run_until_complete(stopped.wait())


def _listening(sock: tuple[Any, Any]) -> tuple[Any, Any]:
    """Return granian's pair of specification and socket, with timeouts for peers that do not read."""
    specification, _ = sock
    holder = specification.build()
    _, _, backlog = specification.__getstate__()
    with socket.socket(fileno=os.dup(holder.get_fd())) as listener:
        # Inherited by accepted connections.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD_MILLISECONDS)
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE_SECONDS)
        listener.listen(backlog)
    return None, holder
