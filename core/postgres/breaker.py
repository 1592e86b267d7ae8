"""A circuit breaker for web processes: while PostgreSQL is unreachable, requests fail at once instead of waiting for it.

A lost or refused connection makes the breaker probe PostgreSQL itself. While the probe fails, nothing else connects; it is
repeated twice a second, so work resumes within a second of recovery. Requests that need no SQL are unaffected.
"""

import threading
from collections.abc import Callable
from typing import Any

import psycopg
import structlog
from django.db import OperationalError
from prometheus_client import Gauge

ASK_EVERY_SECONDS = 0.5
CONNECT_SECONDS = 2

log = structlog.get_logger(__name__)
AWAY = Gauge(
    "pomelo_database_away",
    "1 while this process has no connection to PostgreSQL",
    multiprocess_mode="livemax",
)


class DatabaseUnavailable(OperationalError):
    """PostgreSQL was unreachable a moment ago and is being probed."""


class Breaker:
    """Closed while PostgreSQL answers. Switched off in processes that may wait for it: workers and commands."""

    def __init__(self) -> None:
        self._ask: Callable[[], None] | None = None
        self._lock = threading.Lock()
        self._is_asking = False
        self._is_open = False

    def switch_on(self, parameters: dict[str, Any]) -> None:
        """Fail fast from here on. `parameters` are those of psycopg's connect."""

        def ask() -> None:
            with psycopg.connect(**{**parameters, "connect_timeout": CONNECT_SECONDS}) as connection:
                connection.execute("SELECT 1")

        self._ask = ask

    @property
    def is_open(self) -> bool:
        """Whether PostgreSQL is known to be unreachable."""
        return self._is_open

    def check(self) -> None:
        """Raise DatabaseUnavailable while PostgreSQL is known to be unreachable."""
        if self._is_open:
            raise DatabaseUnavailable("PostgreSQL is away; it is asked again twice a second.")

    def suspect(self) -> None:
        """Start probing PostgreSQL in the background, after a connection broke or could not be opened."""
        with self._lock:
            if self._ask is None or self._is_asking:
                return
            self._is_asking = True
        threading.Thread(target=self._find_out, name="database-breaker", daemon=True).start()

    def _find_out(self) -> None:
        assert self._ask is not None
        pause = threading.Event()
        while True:
            try:
                self._ask()
            except Exception as error:  # for whatever reason: this thread alone closes the breaker again
                if not self._is_open:
                    log.warning("database.away", error=str(error))
                    AWAY.set(1)
                self._is_open = True
                pause.wait(ASK_EVERY_SECONDS)
            else:
                break
        if self._is_open:
            log.info("database.back")
            AWAY.set(0)
        with self._lock:
            self._is_open = self._is_asking = False


breaker = Breaker()
