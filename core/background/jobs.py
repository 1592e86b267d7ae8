"""Background work. Celery carries hints only: a lost one is found again by a sweep, since the truth is in PostgreSQL.

A tenant's task carries its tenant in the message headers and runs inside it; a task without one is refused. A system
task opens `system_context` itself and takes no arguments.

The broker is not to be believed either. What a message can say beyond "look for work" is sealed together with the
task's name and a time, so that whoever writes to the broker can neither make up a tenant's task nor play an old one again.
"""

import json
import os
import time
import uuid
from collections.abc import Callable
from functools import partial, wraps
from typing import Any

import structlog
from celery import Task, current_app, shared_task
from django.db import transaction
from kombu.exceptions import KombuError

from core import tracing
from core.background.backlog import BACKLOG
from core.background.loops import Loop
from core.security import sealed
from core.tenancy import Tenant, current_tenant, tenant_context

log = structlog.get_logger(__name__)

COMPANY_HEADER = "pomelo_company"
MODE_HEADER = "pomelo_mode"
SEAL_HEADER = "pomelo_seal"
# Of the request that asked for the work: for the worker's log and its spans alone, which is why no seal covers them.
REQUEST_HEADER = "pomelo_request"
TRACE_HEADER = "pomelo_trace"
# A hint older than this says nothing that a sweep has not found meanwhile.
HINT_SECONDS = 3600
_SCHEMA = sealed.tag_of("job", ["name", "company", "mode", "arguments", "sent"])

# After a failure the broker is left alone this long: a dead one must not cost every request a time-out.
BROKER_PAUSE_SECONDS = 1.0
_broker_paused_until = 0.0
# Wake-ups of one task within this long are one message.
WAKE_INTERVAL_SECONDS = 0.05


class TaskWithoutTenant(RuntimeError):
    """A tenant's task arrived without a tenant in its headers, or without our seal on it; it did nothing."""


def enqueue(name: str, **kwargs: Any) -> None:
    """Send the task `name` once the current transaction has committed (at once outside of one).

    The current tenant travels along. When the broker cannot be reached the hint is dropped, and said so in the log: the
    sweeps find the work a few seconds later.
    """
    tenant = current_tenant()
    headers = tenant_headers(name, kwargs, tenant) if tenant else {}
    request_id = structlog.contextvars.get_contextvars().get("request_id")
    if request_id:
        headers[REQUEST_HEADER] = request_id
    if traceparent := tracing.current_traceparent():
        headers[TRACE_HEADER] = traceparent
    _once_after_commit(partial(_send, name, kwargs, headers))


def tenant_headers(name: str, kwargs: dict[str, Any], tenant: Tenant) -> dict[str, str]:
    """Return the headers under which a worker runs the task `name` in `tenant`."""
    company, sent = str(tenant.company_id), int(time.time())
    # Two hints of one transaction are the same message only if they say the same: the time is that of a minute.
    content = _job_content(name, company, tenant.mode, kwargs, sent - sent % 60)
    seal = sealed.seal(_SCHEMA, content).decode()
    return {COMPANY_HEADER: company, MODE_HEADER: tenant.mode, SEAL_HEADER: seal}


def _job_content(name: str, company: str, mode: str, kwargs: dict[str, Any], sent: int) -> bytes:
    return json.dumps([name, company, mode, kwargs, sent], sort_keys=True).encode()


def _sealed_tenant(name: str, kwargs: dict[str, Any], headers: dict[str, Any]) -> Tenant:
    """Return the tenant that a message of ours names. Raises TaskWithoutTenant."""
    company, mode = headers.get(COMPANY_HEADER), headers.get(MODE_HEADER)
    if not company or mode not in ("live", "test"):
        raise TaskWithoutTenant(f"{name} was sent without a tenant")
    try:
        content = sealed.unseal(_SCHEMA, str(headers.get(SEAL_HEADER, "")).encode())
        sent = int(json.loads(content)[-1])
    except (sealed.NotOurs, sealed.UnknownSchema) as error:
        raise TaskWithoutTenant(f"{name} carries no seal of this release: {error}") from error
    if content != _job_content(name, company, mode, kwargs, sent):
        raise TaskWithoutTenant(f"{name} carries the seal of another message")
    if not -60 <= time.time() - sent <= HINT_SECONDS + 60:
        raise TaskWithoutTenant(f"{name} was sent too long ago")
    return Tenant(uuid.UUID(company), mode)


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
        if not BACKLOG.is_full():
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
        self._loop = Loop("wake-ups", self.send_all, rest=WAKE_INTERVAL_SECONDS)

    def wake(self, name: str) -> None:
        """Let `name` be sent soon."""
        self._names.add(name)
        self._loop.wake()

    def forget(self) -> None:
        """Forget what waits: a forked child has its parent's names, which the parent sends."""
        self._names = set()

    def send_all(self) -> None:
        """Send what waits."""
        while True:
            try:
                name = self._names.pop()
            except KeyError:
                return
            _send(name, {}, {})


_WAKER = _Waker()
os.register_at_fork(after_in_child=_WAKER.forget)


def tenant_task(*, name: str, **options: Any) -> Callable[[Callable[..., Any]], Task[Any, Any]]:
    """Declare a task that runs in the tenant its message names; raises TaskWithoutTenant when it names none."""

    def decorate(function: Callable[..., Any]) -> Task[Any, Any]:
        @wraps(function)
        def run(self: Task[Any, Any], **kwargs: Any) -> Any:
            with tenant_context(_sealed_tenant(name, kwargs, self.request.headers or {})):
                return function(**kwargs)

        task: Task[Any, Any] = shared_task(bind=True, name=name, **options)(run)
        return task

    return decorate


def system_task(*, name: str, **options: Any) -> Callable[[Callable[..., Any]], Task[Any, Any]]:
    """Declare a task of the system's own, which belongs to no tenant."""

    def decorate(function: Callable[..., Any]) -> Task[Any, Any]:
        task: Task[Any, Any] = shared_task(name=name, **options)(function)
        return task

    return decorate
