"""Probes: `/healthz` (this process answers), `/readyz` (it can serve), `/metrics` (Prometheus).

Machines of the operator ask them, by whatever Host and over plain HTTP, and must be answered while everything else is busy:
`config.door.probes` does that, before a request takes a thread. This file knows what is checked and what may be told. That the
process is well or not is everybody's to know; what is missing, and the metrics, are told to this machine and to whoever sends
`METRICS_TOKEN`.
"""

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

import orjson
import structlog
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from core.background.loops import check_loops
from core.background.watch import WatchCollector
from core.http.addresses import parse_address, peer_is_trusted_proxy
from core.operations.restoring import open_tables
from core.postgres.database_role import verify_database_role
from core.valkey import commands
from core.valkey.commands import ValkeyUnavailable

JSON = "application/json"
# A check may return a warning, which is shown and does not make the process unready.
READINESS_CHECKS: dict[str, Callable[[], str | None]] = {}

log = structlog.get_logger(__name__)


class NotReady(RuntimeError):
    """A part that serving needs is missing; the message is shown to the operator."""


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether the process can serve, and what each check says."""

    ready: bool
    results: dict[str, str]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a probe is told."""

    status: int
    content_type: str
    body: bytes


# --- What is checked --------------------------------------------------------------------------------------------------


def _check_database() -> None:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError as error:
        raise NotReady("PostgreSQL cannot be reached") from error


def _check_valkey() -> str | None:
    try:
        commands.call("PING")
    except ValkeyUnavailable as error:
        if settings.RATE_LIMIT_FAILURE_MODE == "closed":
            raise NotReady("Valkey cannot be reached, and RATE_LIMIT_FAILURE_MODE is closed") from error
        # Taking every process out of service would make an outage of what they can do without.
        return "Valkey cannot be reached: keys are looked up in PostgreSQL and limits are counted per process"
    return None


@cache
def _migrations_of_this_code() -> frozenset[tuple[str, str]]:
    return frozenset(MigrationLoader(None).graph.nodes)


def _check_migrations() -> None:
    try:
        pending = _migrations_of_this_code() - set(MigrationRecorder(connection).applied_migrations())
    except DatabaseError as error:
        raise NotReady("the migrations cannot be read") from error
    if pending:
        raise NotReady(f"{len(pending)} migrations are pending: run `manage.py migrate --database=owner`")


def _check_role() -> None:
    try:
        verify_database_role()
    except (ImproperlyConfigured, DatabaseError) as error:
        raise NotReady(str(error)) from error


def _check_walls() -> None:
    try:
        found = open_tables("default")
    except DatabaseError as error:
        raise NotReady("the policies cannot be read") from error
    if found:
        raise NotReady(f"row-level security is off on {', '.join(found[:3])} ({len(found)} in all)")


READINESS_CHECKS.update(
    database=_check_database,
    role=_check_role,
    walls=_check_walls,
    valkey=_check_valkey,
    migrations=_check_migrations,
    background=check_loops,
)


def check_readiness() -> Readiness:
    """Run every check; return whether the process can serve, and what each check says."""
    results, ready = {}, True
    for name, check in READINESS_CHECKS.items():
        try:
            warning = check()
        except NotReady as error:
            results[name] = str(error)
            ready = False
        except Exception:
            log.exception("readiness.check_failed", check=name)
            results[name] = "the check itself failed; see the log"
            ready = False
        else:
            results[name] = f"warning: {warning}" if warning else "ok"
    return Readiness(ready, results)


# --- What is told -----------------------------------------------------------------------------------------------------


def may_see_details(meta: Mapping[str, str]) -> bool:
    """Whether details and metrics may be told: to a program on this machine, or to one that sends METRICS_TOKEN.

    `meta` is a WSGI environ. A request that a proxy passed on does not come from this machine, wherever the proxy is.
    """
    token = settings.METRICS_TOKEN
    sent = meta.get("HTTP_AUTHORIZATION", "")
    if token and hmac.compare_digest(sent.encode(), f"Bearer {token}".encode()):
        return True
    if "HTTP_X_FORWARDED_FOR" in meta or "HTTP_FORWARDED" in meta or peer_is_trusted_proxy(meta):
        return False
    address = parse_address(meta.get("REMOTE_ADDR", ""))
    return address is not None and address.is_loopback


def readiness_answer(found: Readiness, *, details: bool) -> Answer:
    """Return what `/readyz` says of `found`."""
    said: dict[str, object] = {"status": "ready" if found.ready else "not ready"}
    if details:
        said["checks"] = found.results
    return Answer(200 if found.ready else 503, JSON, orjson.dumps(said))


def collect_metrics() -> Answer:
    """Return the metrics of every worker process of this server, and what waits; never labelled by key or company."""
    registry = REGISTRY
    if settings.METRICS_MULTIPROCESS:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)
    asked = CollectorRegistry()
    asked.register(WatchCollector())
    return Answer(200, CONTENT_TYPE_LATEST, generate_latest(registry) + generate_latest(asked))


HEALTHY = Answer(200, JSON, b'{"status":"ok"}')
METRICS_REFUSED = Answer(403, "text/plain; charset=utf-8", b"Send METRICS_TOKEN as a bearer token.\n")


# --- The same by Django, where another server than ours runs it ---------------------------------------------------------


def _respond(answer: Answer) -> HttpResponse:
    return HttpResponse(answer.body, status=answer.status, content_type=answer.content_type)


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """Answer 200 while the process can answer at all."""
    return _respond(HEALTHY)


@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """Answer 200 when everything that serving needs is there, else 503."""
    return _respond(readiness_answer(check_readiness(), details=may_see_details(request.META)))


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer with Prometheus metrics."""
    return _respond(collect_metrics() if may_see_details(request.META) else METRICS_REFUSED)
