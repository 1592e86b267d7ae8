"""The audit page: who did what, when and from where, and its export."""

from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from accounts.access import CompanyRequest, company_page
from accounts.roles import Role
from audit import representations, selectors
from audit.dashboard.exporting import export
from audit.dashboard.forms import EntryFilterForm
from audit.dashboard.periods import oldest_since
from audit.differences import differences, facts
from audit.models import AuditEntry
from audit.sentences import as_sentences, grouping_key
from audit.windows import paginate_log, with_whole_run
from core import clock
from core.api.pagination import BACK, ON, SORT
from core.errors import FieldErrors
from core.ui.lists import wants_oldest

# Links above the list to commonly used filters.
COMMON = {
    "Keys": "api_key.*",
    "Team": "member.*",
    "Sign-ins": "user.*",
    "Webhooks": "webhook_endpoint.*",
    "Staff": "staff.*",
    "Exports": "audit.*",
}


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
        page = paginate_log(rows, request, oldest_since=oldest_since(request))
    except FieldErrors:
        return redirect("audit:entries")
    is_up = wants_oldest(request)
    page = with_whole_run(page, rows, request, same=grouping_key, oldest_first=is_up)
    context = {
        "form": form,
        "page": page,
        # Repeats are grouped from the newest on, in either direction of the list.
        "sentences": as_sentences(page.items[::-1])[::-1] if is_up else as_sentences(page.items),
        "common": _common_filters(request),
        "today": clock.now().date(),
    }
    return render(request, "audit/entry_list.html", context)


def _common_filters(request: CompanyRequest) -> list[dict[str, Any]]:
    """Return common filters as links; `is_chosen` marks the active one."""
    asked = {
        name: value for name, value in request.GET.items() if value and name not in ("limit", SORT, ON, BACK)
    }
    return [
        {"label": label, "query": urlencode(filters), "is_chosen": filters == asked}
        for label, filters in [
            ("Everything", {}),
            ("By you", {"actor": request.principal.id}),
            *((label, {"action": action}) for label, action in COMMON.items()),
            ("Last 24 hours", {"period": "24h"}),
        ]
    ]


@company_page()
@require_safe
def entry(request: CompanyRequest, public_id: str) -> HttpResponse:
    """One event: the values before and after, and its origin."""
    row = selectors.get_entry(public_id)
    [sentence] = as_sentences([row])
    context = {
        "entry": row,
        "sentence": sentence,
        "differences": differences(row.changes),
        "facts": facts(row.detail),
    }
    return render(request, "audit/entry_detail.html", context)


@company_page(role=Role.DEVELOPER)
@require_safe
def export_entries(request: CompanyRequest, kind: str) -> HttpResponse:
    """Stream the entries that match the filters."""
    return export(
        request,
        kind,
        what="entries",
        name="audit",
        make_form=lambda: EntryFilterForm(request.GET),
        list_rows=selectors.list_entries,
        represent=representations.audit_entry,
    )
