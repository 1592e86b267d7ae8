"""The metrics of a worker, which serves no pages: on a port of their own (WORKER_METRICS_PORT), for Prometheus alone.

The pool's processes count in files of PROMETHEUS_MULTIPROC_DIR, which must be this worker's own and empty when it starts (a container's tmpfs);
whoever asks gets the sum. Under `make run` web and worker share the folder and the web server's /metrics speaks for both.
"""

import os
from typing import Any

from celery.signals import worker_process_shutdown, worker_ready
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead


def _serve(**_: Any) -> None:
    registry = CollectorRegistry()
    MultiProcessCollector(registry)
    start_http_server(int(os.environ["WORKER_METRICS_PORT"]), registry=registry)


def _forget_process(pid: int, **_: Any) -> None:
    mark_process_dead(pid)


def install() -> None:
    """Serve the metrics once the worker is ready, where WORKER_METRICS_PORT is set."""
    if os.environ.get("WORKER_METRICS_PORT"):
        worker_ready.connect(_serve)
        worker_process_shutdown.connect(_forget_process)
