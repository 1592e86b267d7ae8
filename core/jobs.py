"""Background work. Celery carries hints only: a lost one is found again by a sweep, since the truth is in PostgreSQL.

A tenant's task carries its tenant in the message headers and runs inside it; a task without one is refused. A system
task opens `system_context` itself.
"""

import atexit
import os
import threading
import time
import uuid
from collections.abc import Callable
from functools import partial, wraps
from typing import Any

import structlog
from celery import Task, current_app, shared_task
from django.db import transaction
from kombu.exceptions import KombuError

from core.tenancy import Tenant, current_tenant, tenant_context

log = structlog.get_logger(__name__)

COMPANY_HEADER = "pomelo_company"
MODE_HEADER = "pomelo_mode"

# After a failure the broker is left alone this long: a dead one must not cost every request a time-out.
BROKER_PAUSE_SECONDS = 1.0
_broker_paused_until = 0.0
# Wake-ups of one task within this long are one message.
WAKE_INTERVAL_SECONDS = 0.02


class TaskWithoutTenant(RuntimeError):
    """A tenant's task arrived without a tenant in its headers; it did nothing."""


def enqueue(name: str, **kwargs: Any) -> None:
    """Send the task `name` once the current transaction has committed (at once outside of one).

    The current tenant travels along. When the broker cannot be reached the hint is dropped, and said so in the log: the
    sweeps find the work a few seconds later.
    """
    tenant = current_tenant()
    headers = {COMPANY_HEADER: str(tenant.company_id), MODE_HEADER: tenant.mode} if tenant else {}
    _once_after_commit(partial(_send, name, kwargs, headers))


def _once_after_commit(send: partial[None]) -> None:
    # One nudge of a kind per transaction is enough.
    waiting = transaction.get_connection().run_on_commit
    if not any(getattr(callback, "args", None) == send.args for _, callback, *_ in waiting):
        transaction.on_commit(send)


def _send(name: str, kwargs: dict[str, Any], headers: dict[str, str]) -> None:
    global _broker_paused_until
    if time.monotonic() < _broker_paused_until:
        return
    try:
        current_app.send_task(name, kwargs=kwargs, headers=headers, retry=False)
    except (KombuError, OSError) as error:
        _broker_paused_until = time.monotonic() + BROKER_PAUSE_SECONDS
        log.warning("jobs.hint_dropped", task=name, error=str(error))


def wake(name: str) -> None:
    """Wake the system task `name` once the current transaction has committed (at once outside of one).

    For tasks that ask PostgreSQL what there is to do: a thread of this process sends the message, one for all that is
    committed within WAKE_INTERVAL_SECONDS, so that no request waits for the broker. What a killed process had not sent is
    found by the sweeps, like any lost hint.
    """
    _once_after_commit(partial(_WAKER.wake, name))


class _Waker:
    """Sends wake-ups from a thread of its own, which starts with the first one."""

    def __init__(self) -> None:
        self._names: set[str] = set()
        self._wanted = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def wake(self, name: str) -> None:
        """Let `name` be sent soon."""
        self._names.add(name)
        self._wanted.set()
        if self._thread is None:
            self._start()

    def send_all(self) -> None:
        """Send what waits."""
        while self._names:
            _send(self._names.pop(), {}, {})

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="wake-ups", daemon=True)
                self._thread.start()
                # A command ends right after its commit.
                atexit.register(self.send_all)

    def _run(self) -> None:
        while True:
            self._wanted.wait()
            # Before the names are taken: one that is added meanwhile sets it again.
            self._wanted.clear()
            try:
                self.send_all()
            except Exception as error:  # the thread must outlive whatever a broker's library raises
                log.exception("jobs.wake_up_failed", error=str(error))
            time.sleep(WAKE_INTERVAL_SECONDS)


_WAKER = _Waker()


def _forget_parent() -> None:
    global _WAKER
    _WAKER = _Waker()


# A forked child has its parent's names but not its thread; the parent sends them.
os.register_at_fork(after_in_child=_forget_parent)


def tenant_task(*, name: str, **options: Any) -> Callable[[Callable[..., Any]], Task]:
    """Declare a task that runs in the tenant its message names; raises TaskWithoutTenant when it names none."""

    def decorate(function: Callable[..., Any]) -> Task:
        @wraps(function)
        def run(self: Task, **kwargs: Any) -> Any:
            headers = self.request.headers or {}
            if not headers.get(COMPANY_HEADER) or headers.get(MODE_HEADER) not in ("live", "test"):
                raise TaskWithoutTenant(f"{name} was sent without a tenant")
            tenant = Tenant(uuid.UUID(headers[COMPANY_HEADER]), headers[MODE_HEADER])
            with tenant_context(tenant):
                return function(**kwargs)

        return shared_task(bind=True, name=name, **options)(run)

    return decorate


def system_task(*, name: str, **options: Any) -> Callable[[Callable[..., Any]], Task]:
    """Declare a task of the system's own, which belongs to no tenant."""

    def decorate(function: Callable[..., Any]) -> Task:
        return shared_task(name=name, **options)(function)

    return decorate
