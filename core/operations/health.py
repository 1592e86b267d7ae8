"""Probes: `/healthz` (the process responds), `/readyz` (it can serve), `/metrics` (Prometheus).

The operator's machines call them with any Host and over plain HTTP, and need a response even when everything else is busy:
`config.door.probes` responds before a request takes a thread. This module implements the checks and decides what is disclosed.
The overall status is public; details and metrics require a request from this machine or `METRICS_TOKEN`.
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
# A check may return a warning, which does not make the process unready.
READINESS_CHECKS: dict[str, Callable[[], str | None]] = {}

log = structlog.get_logger(__name__)


class NotReady(RuntimeError):
    """A required dependency is missing. The message is shown to the operator."""


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether the process can serve, and the result of each check."""

    ready: bool
    results: dict[str, str]


@dataclass(frozen=True, slots=True)
class Answer:
    """The response to a probe."""

    status: int
    content_type: str
    body: bytes


# --- Checks --------------------------------------------------------------------------------------------------


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
        # Taking all processes out of service would turn a degradation into an outage.
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
    """Run all checks."""
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


# --- Responses -----------------------------------------------------------------------------------------------------


def may_see_details(meta: Mapping[str, str]) -> bool:
    """Whether a request may see details and metrics: it comes from this machine or has METRICS_TOKEN.

    `meta` is a WSGI environ. A request forwarded by a proxy does not count as coming from this machine.
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
    """Return the response of `/readyz`."""
    answer: dict[str, object] = {"status": "ready" if found.ready else "not ready"}
    if details:
        answer["checks"] = found.results
    return Answer(200 if found.ready else 503, JSON, orjson.dumps(answer))


def collect_metrics() -> Answer:
    """Return the metrics of all worker processes of this server, and the backlogs. Never labeled by key or company."""
    registry = REGISTRY
    if settings.METRICS_MULTIPROCESS:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)
    asked = CollectorRegistry()
    asked.register(WatchCollector())
    return Answer(200, CONTENT_TYPE_LATEST, generate_latest(registry) + generate_latest(asked))


HEALTHY = Answer(200, JSON, b'{"status":"ok"}')
METRICS_REFUSED = Answer(403, "text/plain; charset=utf-8", b"Send METRICS_TOKEN as a bearer token.\n")


# --- Django views, for other WSGI servers ---------------------------------------------------------


def _respond(answer: Answer) -> HttpResponse:
    return HttpResponse(answer.body, status=answer.status, content_type=answer.content_type)


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """Return 200 as long as the process responds."""
    return _respond(HEALTHY)


@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """Return 200 if the process can serve, otherwise 503."""
    return _respond(readiness_answer(check_readiness(), details=may_see_details(request.META)))


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Return Prometheus metrics."""
    return _respond(collect_metrics() if may_see_details(request.META) else METRICS_REFUSED)
