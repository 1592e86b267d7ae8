"""Health probes, answered without a thread, a pooled connection, a slot or a check of the Host header.

Slow work, such as querying PostgreSQL and Valkey and aggregating metrics, runs in a background thread with its own database
connection, at most once a second. Concurrent probes get the last result.
"""

import queue
import threading
import time
from collections.abc import Callable
from copy import deepcopy
from typing import Any, Generic, TypeVar

import structlog
from django.db import connection, connections

from config.door.callers import answer_each
from config.door.draining import is_draining
from config.door.environ import Unreadable, build_environ
from core.operations.health import (
    HEALTHY,
    METRICS_REFUSED,
    Answer,
    Readiness,
    check_readiness,
    collect_metrics,
    may_see_details,
    readiness_answer,
)

# How long a result is served before the next probe triggers a new one.
FRESH_SECONDS = 1.0
DRAINING = Readiness(False, {"process": "shutting down; requests are still served"})
# A process that takes longer than this to check does not count as ready.
PATIENCE_SECONDS = 5.0
CONNECT_SECONDS = 2

log = structlog.get_logger(__name__)
Found = TypeVar("Found")


class CachedCheck(Generic[Found]):
    """A thread that computes a result for all probes, at most once a second. `late` is returned if it takes too long."""

    def __init__(self, name: str, find_out: Callable[[], Found], *, late: Found) -> None:
        self._name, self._find_out, self._late = name, find_out, late
        self._lock = threading.Lock()
        self._asked: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._waiting: list[Callable[[Found], None]] = []
        self._found: Found | None = None
        self._found_at = self._asked_at = 0.0
        self._is_working = False
        self._thread: threading.Thread | None = None

    def when_found(self, callback: Callable[[Found], None]) -> None:
        """Call `callback` with a fresh result: immediately if there is one, otherwise from the thread, as soon as there is."""
        now = time.monotonic()
        with self._lock:
            if self._found is not None and now - self._found_at < FRESH_SECONDS:
                found = self._found
            elif self._is_working and now - self._asked_at > PATIENCE_SECONDS:
                found = self._late
            else:
                self._waiting.append(callback)
                if not self._is_working:
                    self._is_working, self._asked_at = True, now
                    self._asked.put(None)
                if self._thread is None:
                    self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                    self._thread.start()
                return
        callback(found)

    def _run(self) -> None:
        use_own_connection()
        while True:
            self._asked.get()
            try:
                found = self._find_out()
            except Exception:
                log.exception("probe.failed", probe=self._name)
                found = self._late
            self._hand_out(found)

    def _hand_out(self, found: Found) -> None:
        with self._lock:
            self._found, self._found_at, self._is_working = found, time.monotonic(), False
            waiting, self._waiting = self._waiting, []
        answer_each(waiting, lambda callback: callback(found))


def use_own_connection() -> None:
    """Give this thread its own database connection, because requests may occupy the whole pool."""
    settings = deepcopy(connections.settings["default"])
    settings["OPTIONS"].pop("pool", None)
    settings["OPTIONS"]["connect_timeout"] = CONNECT_SECONDS
    settings["CONN_MAX_AGE"] = None
    connections["default"] = type(connections["default"])(settings, "default")


def _find_readiness() -> Readiness:
    connection.close_if_unusable_or_obsolete()
    return check_readiness()


def _find_metrics() -> Answer:
    connection.close_if_unusable_or_obsolete()
    return collect_metrics()


_readiness = CachedCheck(
    "readyz",
    _find_readiness,
    late=Readiness(False, {"process": f"no answer within {PATIENCE_SECONDS:.0f} s"}),
)
_metrics = CachedCheck(
    "metrics", _find_metrics, late=Answer(503, "text/plain", b"The metrics take too long.\n")
)


def warm_up() -> None:
    """Check readiness before the first probe, because the first check reads all migrations and opens the connection."""
    _readiness.when_found(lambda _: None)


def answer_probe(path: str, scope: Any, proto: Any) -> bool:
    """Respond if `path` is a probe's, possibly from another thread. Return whether it is one."""
    if path not in PROBES:
        return False
    if scope.method not in ("GET", "HEAD"):
        proto.response_empty(405, [("Allow", "GET, HEAD")])
    else:
        PROBES[path](scope, proto)
    return True


def _send(proto: Any, answer: Answer) -> None:
    headers = [("Content-Type", answer.content_type), ("Cache-Control", "no-store")]
    proto.response_bytes(answer.status, headers, answer.body)


def _may_know(scope: Any) -> bool:
    try:
        return may_see_details(build_environ(scope, scope.path))
    except Unreadable:
        return False


def _healthz(scope: Any, proto: Any) -> None:
    _send(proto, HEALTHY)


def _readyz(scope: Any, proto: Any) -> None:
    details = _may_know(scope)
    if is_draining():
        _send(proto, readiness_answer(DRAINING, details=details))
        return
    _readiness.when_found(lambda found: _send(proto, readiness_answer(found, details=details)))


def _metrics_page(scope: Any, proto: Any) -> None:
    if _may_know(scope):
        _metrics.when_found(lambda answer: _send(proto, answer))
    else:
        _send(proto, METRICS_REFUSED)


PROBES: dict[str, Callable[[Any, Any], None]] = {
    "/healthz": _healthz,
    "/readyz": _readyz,
    "/metrics": _metrics_page,
}
