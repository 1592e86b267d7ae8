"""The audit page: who did what, when and from where; its export and the proof of a day."""

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from accounts.access import CompanyRequest, company_page
from accounts.roles import Role
from audit import representations, selectors, services
from audit.dashboard.forms import EntryFilterForm
from audit.dashboard.streaming import download
from audit.export.rows import FORMATS, export_rows
from audit.models import AuditEntry
from audit.windows import paginate_log
from core import clock
from core.errors import FieldErrors, NotFound
from core.tenancy import require_tenant


@company_page()
@require_safe
def entry_list(request: CompanyRequest) -> HttpResponse:
    """Every event of the company in this mode, newest first."""
    form = EntryFilterForm(request.GET)
    try:
        rows = selectors.list_entries(form.chosen())
    except FieldErrors as error:
        form.refuse(error.fields)
        rows = AuditEntry.objects.none()
    try:
        page = paginate_log(rows, request)
    except FieldErrors:
        return redirect("audit:entries")
    return render(request, "audit/entry_list.html", {"form": form, "page": page, "today": clock.now().date()})


@company_page()
@require_safe
def entry(request: CompanyRequest, public_id: str) -> HttpResponse:
    """One event: the values before and after, and where it came from."""
    row = selectors.get_entry(public_id)
    return render(request, "audit/entry_detail.html", {"entry": row})


@company_page(role=Role.DEVELOPER)
@require_safe
def export_entries(request: CompanyRequest, kind: str) -> HttpResponse:
    """Stream the entries that the filters describe."""
    if kind not in FORMATS:
        raise NotFound
    form = EntryFilterForm(request.GET)
    filters, wanted = form.applied(), form.chosen()
    selectors.list_entries(wanted)  # refuses what it cannot understand before anything is recorded
    services.record_export(what="entries", kind=kind, filters=filters, actor=request.principal)
    body = export_rows(
        require_tenant(), lambda: selectors.list_entries(wanted), representations.audit_entry, kind=kind
    )
    return download(body, FORMATS[kind], f"audit-{request.mode}-{clock.now():%Y-%m-%d}.{kind}")
