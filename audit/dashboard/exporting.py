"""Exports of the audit trail and the request log, as their pages offer them."""

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from django.db.models import QuerySet
from django.http import HttpResponse

from accounts.access import CompanyRequest
from audit import services
from audit.dashboard.streaming import download
from audit.export.rows import FORMATS, export_rows
from core import clock
from core.errors import NotFound
from core.tenancy import require_tenant

FilterT = TypeVar("FilterT")
FilterT_co = TypeVar("FilterT_co", covariant=True)


class FilterForm(Protocol[FilterT_co]):
    """The filters of a page, as entered (`applied`) and as selectors take them (`chosen`)."""

    def applied(self) -> dict[str, str]: ...

    def chosen(self) -> FilterT_co: ...


def export(
    request: CompanyRequest,
    kind: str,
    *,
    what: str,
    name: str,
    make_form: Callable[[], FilterForm[FilterT]],
    list_rows: Callable[[FilterT], QuerySet[Any]],
    represent: Callable[[Any], dict[str, Any]],
) -> HttpResponse:
    """Stream the rows that match the filters, and record that. Raises NotFound for an unknown format, FieldErrors for invalid filters."""
    if kind not in FORMATS:
        raise NotFound
    form = make_form()
    filters, wanted = form.applied(), form.chosen()
    list_rows(wanted)  # raises for invalid filters before the export is recorded
    services.record_export(what=what, kind=kind, filters=filters, actor=request.principal)
    body = export_rows(require_tenant(), lambda: list_rows(wanted), represent, kind=kind)
    return download(body, FORMATS[kind], f"{name}-{request.mode}-{clock.now():%Y-%m-%d}.{kind}")
