"""A worker's observability: metrics on a separate port (WORKER_METRICS_PORT), and task and request ids in its log.

The pool's processes write to files in PROMETHEUS_MULTIPROC_DIR, which must be exclusive to this worker and empty at start (such as
a container's tmpfs); a scrape returns the sum. Under `make run`, web and worker share the directory, and the web server's
/metrics covers both.
"""

import os
import re
import time
from contextlib import AbstractContextManager
from typing import Any

import structlog
from celery.signals import (
    task_postrun,
    task_prerun,
    worker_process_init,
    worker_process_shutdown,
    worker_ready,
)
from prometheus_client import CollectorRegistry, Counter, Histogram, start_http_server
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from core import tracing
from core.background.jobs import REQUEST_HEADER, TRACE_HEADER
from core.tracing import export

TASKS = Counter("pomelo_tasks_total", "Tasks of the worker, by how they ended", ["task", "outcome"])
SECONDS = Histogram(
    "pomelo_task_seconds",
    "How long tasks took",
    ["task"],
    buckets=(0.01, 0.05, 0.25, 1.0, 5.0, 15.0, 60.0, 240.0),
)
# The format of core.values.ids. The broker is not trusted, so nothing else from it is logged.
_REQUEST_ID = re.compile(r"req_[0-9a-z]{26}", re.ASCII)
_began: dict[str, float] = {}
_spans: dict[str, AbstractContextManager[Any]] = {}


def _serve(**_: Any) -> None:
    registry = CollectorRegistry()
    MultiProcessCollector(registry)
    start_http_server(int(os.environ["WORKER_METRICS_PORT"]), registry=registry)


def _forget_process(pid: int, **_: Any) -> None:
    mark_process_dead(pid)


def _start_tracing(**_: Any) -> None:
    export.start("pomelo-worker")


def _stop_tracing(**_: Any) -> None:
    export.stop()


def _begin(task_id: str, task: Any, **_: Any) -> None:
    _began[task_id] = time.perf_counter()
    named = {"task": task.name, "task_id": task_id}
    asked = (getattr(task.request, "headers", None) or {}).get(REQUEST_HEADER)
    if isinstance(asked, str) and _REQUEST_ID.fullmatch(asked):
        named["request_id"] = asked
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(**named)
    if tracing.is_on():
        _begin_span(task_id, task)


def _begin_span(task_id: str, task: Any) -> None:
    """Start a span for a task enqueued by a traced request. Scheduled tasks do not belong to a trace."""
    asked = (getattr(task.request, "headers", None) or {}).get(TRACE_HEADER)
    if isinstance(asked, str):
        attributes = {"messaging.message.id": task_id}
        span = tracing.span(task.name, kind="consumer", parent=asked, attributes=attributes)
        span.__enter__()
        _spans[task_id] = span


def _end(task_id: str, task: Any, state: str | None = None, **_: Any) -> None:
    if (span := _spans.pop(task_id, None)) is not None:
        span.__exit__(None, None, None)
    TASKS.labels(task.name, (state or "unknown").lower()).inc()
    began = _began.pop(task_id, None)
    if began is not None:
        SECONDS.labels(task.name).observe(time.perf_counter() - began)
    structlog.contextvars.clear_contextvars()


def install() -> None:
    """Count tasks, add them to the log, and serve the metrics once the worker is ready, if WORKER_METRICS_PORT is set.

    Called when a worker starts: this module must not be imported before the settings are loaded and the metrics directory exists.
    """
    task_prerun.connect(_begin)
    task_postrun.connect(_end)
    worker_process_init.connect(_start_tracing)
    worker_process_shutdown.connect(_stop_tracing)
    if os.environ.get("WORKER_METRICS_PORT"):
        worker_ready.connect(_serve)
        worker_process_shutdown.connect(_forget_process)
