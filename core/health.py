"""Probes: `/healthz` (this process answers), `/readyz` (it can serve), `/metrics` (Prometheus)."""

from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from core import valkey
from core.database_role import verify_database_role
from core.valkey import ValkeyUnavailable

# A check may return a warning, which is shown and does not make the process unready.
READINESS_CHECKS: dict[str, Callable[[], str | None]] = {}


class NotReady(RuntimeError):
    """A part that serving needs is missing; the message is shown to the operator."""


def _check_database() -> None:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError as error:
        raise NotReady("PostgreSQL cannot be reached") from error


def _check_valkey() -> None:
    try:
        valkey.call("PING")
    except ValkeyUnavailable as error:
        raise NotReady("Valkey cannot be reached") from error


def _check_migrations() -> None:
    try:
        executor = MigrationExecutor(connection)
        pending = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError as error:
        raise NotReady("the migrations cannot be read") from error
    if pending:
        raise NotReady(f"{len(pending)} migrations are pending: run `manage.py migrate --database=owner`")


def _check_role() -> None:
    try:
        verify_database_role()
    except (ImproperlyConfigured, DatabaseError) as error:
        raise NotReady(str(error)) from error


READINESS_CHECKS.update(
    database=_check_database, role=_check_role, valkey=_check_valkey, migrations=_check_migrations
)


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """Answer 200 while the process can answer at all."""
    return JsonResponse({"status": "ok"})


@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """Answer 200 when PostgreSQL, Valkey and the migrations are there, else 503 naming what is missing."""
    results, ready = {}, True
    for name, check in READINESS_CHECKS.items():
        try:
            warning = check()
        except NotReady as error:
            results[name] = str(error)
            ready = False
        else:
            results[name] = f"warning: {warning}" if warning else "ok"
    return JsonResponse(
        {"status": "ready" if ready else "not ready", "checks": results}, status=200 if ready else 503
    )


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus metrics of every worker process; never labelled by key or company."""
    registry = REGISTRY
    if settings.METRICS_MULTIPROCESS:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
