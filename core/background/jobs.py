"""Celery tasks. Messages are only hints: the source of truth is PostgreSQL, and a sweep recovers the work of a lost message.

A tenant task carries its tenant in the message headers and runs inside it; without one it is refused. A system
task opens `system_context` itself and takes no arguments.

The broker is not trusted. Everything in a message beyond "look for work" is authenticated together with the task's name
and a timestamp, so that an attacker who can write to the broker can neither forge a tenant task nor replay an old one.
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
# Of the request that enqueued the task. Used only for the worker's logs and spans, so it is not authenticated.
REQUEST_HEADER = "pomelo_request"
TRACE_HEADER = "pomelo_trace"
# Messages older than this are ignored: a sweep has found their work meanwhile.
HINT_SECONDS = 3600
_SCHEMA = sealed.tag_of("job", ["name", "company", "mode", "arguments", "sent"])

# How long the broker is not contacted after a failure, so that an outage does not cost every request a timeout.
BROKER_PAUSE_SECONDS = 1.0
_broker_paused_until = 0.0
# Wake-ups of one task within this interval are coalesced into one message.
WAKE_INTERVAL_SECONDS = 0.05


class TaskWithoutTenant(RuntimeError):
    """A tenant task arrived without a tenant in its headers, or without a valid seal. It was not run."""


def enqueue(name: str, **kwargs: Any) -> None:
    """Send the task `name` once the current transaction has committed (at once outside of one).

    The current tenant is included. When the broker is unreachable, the message is dropped and logged: the sweeps find the
    work a few seconds later.
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
    """Return the message headers that make a worker run the task `name` in `tenant`."""
    company, sent = str(tenant.company_id), int(time.time())
    # The timestamp is rounded to the minute, so that equal messages of one transaction can be deduplicated.
    content = _job_content(name, company, tenant.mode, kwargs, sent - sent % 60)
    seal = sealed.seal(_SCHEMA, content).decode()
    return {COMPANY_HEADER: company, MODE_HEADER: tenant.mode, SEAL_HEADER: seal}


def _job_content(name: str, company: str, mode: str, kwargs: dict[str, Any], sent: int) -> bytes:
    return json.dumps([name, company, mode, kwargs, sent], sort_keys=True).encode()


def _sealed_tenant(name: str, kwargs: dict[str, Any], headers: dict[str, Any]) -> Tenant:
    """Return the tenant named by an authentic message. Raises TaskWithoutTenant."""
    company, mode = headers.get(COMPANY_HEADER), headers.get(MODE_HEADER)
    if not company or mode not in ("live", "test"):
        raise TaskWithoutTenant(f"{name} was sent without a tenant")
    try:
        content = sealed.unseal(_SCHEMA, str(headers.get(SEAL_HEADER, "")).encode())
        sent = int(json.loads(content)[-1])
    except (sealed.InvalidSealedValue, sealed.UnknownSchema) as error:
        raise TaskWithoutTenant(f"{name} carries no seal of this release: {error}") from error
    if content != _job_content(name, company, mode, kwargs, sent):
        raise TaskWithoutTenant(f"{name} carries the seal of another message")
    if not -60 <= time.time() - sent <= HINT_SECONDS + 60:
        raise TaskWithoutTenant(f"{name} was sent too long ago")
    return Tenant(uuid.UUID(company), mode)


def _once_after_commit(send: partial[None]) -> None:
    # One identical message per transaction is enough.
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

    For tasks that query PostgreSQL for work. A background thread sends one message for everything committed within
    WAKE_INTERVAL_SECONDS, so that no request waits for the broker. If the process is killed before sending, the sweeps find
    the work, as for any lost message.
    """
    _once_after_commit(partial(_WAKER.wake, name))


class _Waker:
    """Sends wake-ups from a background thread, which starts with the first one."""

    def __init__(self) -> None:
        self._names: set[str] = set()
        self._loop = Loop("wake-ups", self.send_all, rest=WAKE_INTERVAL_SECONDS)

    def wake(self, name: str) -> None:
        """Schedule a message for the task `name`."""
        self._names.add(name)
        self._loop.wake()

    def forget(self) -> None:
        """Drop pending wake-ups in a forked child; the parent sends them."""
        self._names = set()

    def send_all(self) -> None:
        """Send all pending wake-ups."""
        while True:
            try:
                name = self._names.pop()
            except KeyError:
                return
            _send(name, {}, {})


_WAKER = _Waker()
os.register_at_fork(after_in_child=_WAKER.forget)


def tenant_task(*, name: str, **options: Any) -> Callable[[Callable[..., Any]], Task[Any, Any]]:
    """Declare a task that runs in the tenant named by its message. Without one it raises TaskWithoutTenant."""

    def decorate(function: Callable[..., Any]) -> Task[Any, Any]:
        @wraps(function)
        def run(self: Task[Any, Any], **kwargs: Any) -> Any:
            with tenant_context(_sealed_tenant(name, kwargs, self.request.headers or {})):
                return function(**kwargs)

        task: Task[Any, Any] = shared_task(bind=True, name=name, **options)(run)
        return task

    return decorate


def system_task(*, name: str, **options: Any) -> Callable[[Callable[..., Any]], Task[Any, Any]]:
    """Declare a system task, which belongs to no tenant."""

    def decorate(function: Callable[..., Any]) -> Task[Any, Any]:
        task: Task[Any, Any] = shared_task(name=name, **options)(function)
        return task

    return decorate
