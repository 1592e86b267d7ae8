"""Exports each process's connection pool statistics (from psycopg_pool) to Prometheus.

Updated every few seconds when a connection is taken: an unused pool has nothing new to report.
"""

import time
from typing import Any

from prometheus_client import Counter, Gauge

EVERY_SECONDS = 5.0

CONNECTIONS = Gauge(
    "pomelo_database_pool_connections",
    "Connections of the pools to PostgreSQL, by state",
    ["state"],
    multiprocess_mode="livesum",
)
WAITING = Gauge(
    "pomelo_database_pool_waiting",
    "Threads that wait for a connection of a pool",
    multiprocess_mode="livesum",
)
WAITS = Counter("pomelo_database_pool_waits_total", "Times that a thread had to wait for a connection")
WAIT_SECONDS = Counter("pomelo_database_pool_wait_seconds_total", "Time that threads waited for a connection")
TIMEOUTS = Counter("pomelo_database_pool_timeouts_total", "Times that no connection was to be had in time")

_due = 0.0


def note(pool: Any) -> None:
    """Record what the pool has counted since the last call, at most once every few seconds."""
    global _due
    now = time.monotonic()
    if now < _due:
        return
    _due = now + EVERY_SECONDS
    found = pool.pop_stats()
    open_, idle = found["pool_size"], found["pool_available"]
    CONNECTIONS.labels("idle").set(idle)
    CONNECTIONS.labels("in_use").set(open_ - idle)
    WAITING.set(found.get("requests_waiting", 0))
    WAITS.inc(found.get("requests_queued", 0))
    WAIT_SECONDS.inc(found.get("requests_wait_ms", 0) / 1000)
    TIMEOUTS.inc(found.get("requests_errors", 0))
