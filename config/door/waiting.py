"""Long polling (`wait=`, core.api.waiting): requests that wait for new events without occupying a thread.

A waiting request already has its response. Their number is limited per company and per process; a request beyond the limit gets
its response immediately. While any request waits, one query every half second checks for all of them. When its company has a new
event, a request is processed again like any other: credentials, scopes and limits are checked again, so that revoked access
takes effect.
"""

import threading
import time
from collections.abc import Callable, Collection
from typing import Any

import structlog
from django.db import DatabaseError, connection
from prometheus_client import Gauge

from config.door.answers import Sent
from config.door.callers import answer_each
from core.api.waiting import Wait
from core.background.loops import Loop
from core.tenancy import Tenant
from webhooks.selectors.positions import newest_positions

PLACES = 256
PLACES_OF_A_COMPANY = 4
LOOK_SECONDS = 0.5

log = structlog.get_logger(__name__)
WAITING = Gauge("pomelo_requests_waiting", "Requests that wait for an event", multiprocess_mode="livesum")


class Waiter:
    """A waiting request: its connection, the response so far, and the environ for repeating it."""

    __slots__ = ("content", "deadline", "environ", "proto", "sent", "wait")

    def __init__(self, proto: Any, sent: Sent, content: bytes, wait: Wait, environ: dict[str, Any]) -> None:
        self.proto, self.sent, self.content = proto, sent, content
        self.wait, self.environ = wait, environ
        self.deadline = time.monotonic() + wait.seconds

    def answer(self) -> None:
        """Send the response from when the wait began."""
        self.proto.response_bytes(self.sent.status, self.sent.headers, self.content)


class WaitingRoom:
    """The waiting requests of this process. `let_in` processes a request again."""

    def __init__(
        self,
        let_in: Callable[[Any, dict[str, Any]], None],
        look: Callable[[Collection[Tenant]], dict[Tenant, int]] = newest_positions,
    ) -> None:
        self._let_in, self._look_up = let_in, look
        self._lock = threading.Lock()
        self._waiters: set[Waiter] = set()
        self._closed = False
        self._loop = Loop("waiting-requests", self._look, rest=LOOK_SECONDS, finish=self.close)

    def enter(self, waiter: Waiter) -> bool:
        """Add `waiter` if there is capacity. Return whether there was."""
        company = waiter.wait.tenant.company_id
        with self._lock:
            neighbours = sum(each.wait.tenant.company_id == company for each in self._waiters)
            if self._closed or len(self._waiters) >= PLACES or neighbours >= PLACES_OF_A_COMPANY:
                return False
            self._waiters.add(waiter)
            WAITING.set(len(self._waiters))
        self._loop.wake()
        return True

    def close(self) -> None:
        """Answer all waiting requests and accept no more, because the process is about to end."""
        self._closed = True
        answer_each(self._leave(lambda waiter: True), Waiter.answer)

    def _leave(self, is_over: Callable[[Waiter], bool]) -> list[Waiter]:
        with self._lock:
            gone = [waiter for waiter in self._waiters if is_over(waiter)]
            self._waiters.difference_update(gone)
            WAITING.set(len(self._waiters))
        return gone

    def _look(self) -> float | None:
        """Answer expired requests and repeat those with new events. Returns None if none are left, until woken by the next."""
        now = time.monotonic()
        answer_each(self._leave(lambda waiter: waiter.deadline <= now), Waiter.answer)
        with self._lock:
            tenants = {waiter.wait.tenant for waiter in self._waiters}
        if not tenants:
            return None
        try:
            newest = self._look_up(tenants)
        except DatabaseError as error:
            log.warning("door.waiters_sent_away", error=str(error))
            answer_each(self._leave(lambda waiter: True), Waiter.answer)
            return None
        finally:
            connection.close()
        found = self._leave(lambda waiter: newest.get(waiter.wait.tenant, 0) > waiter.wait.position)
        answer_each(found, lambda waiter: self._let_in(waiter.proto, waiter.environ))
        return 0.0
