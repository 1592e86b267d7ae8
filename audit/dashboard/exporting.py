"""Exports of the audit trail and the request log, as their pages offer them."""

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse

from accounts.access import CompanyRequest
from audit import services
from audit.dashboard.streaming import download
from audit.export.rows import FORMATS, export_rows
from core import clock
from core.errors import NotFound
from core.tenancy import require_tenant


def export(
    request: CompanyRequest,
    kind: str,
    *,
    what: str,
    name: str,
    filters: dict[str, str],
    rows: Callable[[], QuerySet[Any]],
    represent: Callable[[Any], dict[str, Any]],
) -> HttpResponse:
    """Stream the rows and record that; `filters` are those of the page. Raises NotFound for an unknown format."""
    if kind not in FORMATS:
        raise NotFound
    rows()  # raises for invalid filters before the export is recorded
    services.record_export(what=what, kind=kind, filters=filters, actor=request.principal)
    body = export_rows(require_tenant(), rows, represent, kind=kind)
    return download(body, FORMATS[kind], f"{name}-{request.mode}-{clock.now():%Y-%m-%d}.{kind}")
