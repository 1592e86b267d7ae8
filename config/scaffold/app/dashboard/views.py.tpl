"""Dashboard pages for {{ words }}: list and detail."""

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from accounts.access import CompanyRequest, company_page
from {{ app }} import representations, selectors
from core.api.pagination import paginate
from core.errors import FieldErrors


@company_page()
@require_safe
def {{ object }}_list(request: CompanyRequest) -> HttpResponse:
    """List the company's {{ words }}, newest first."""
    try:
        page = paginate(selectors.list_{{ app }}(), request)
    except FieldErrors:
        return redirect("{{ app }}:list")
    rows = [(row, representations.{{ object }}(row)) for row in page.items]
    return render(request, "{{ app }}/{{ object }}_list.html", {"page": page, "rows": rows})


@company_page()
@require_safe
def detail(request: CompanyRequest, public_id: str) -> HttpResponse:
    """Show {{ a_lower }} {{ word }}."""
    row = selectors.get_{{ object }}(public_id)
    context = {"{{ object }}": row, "shown": representations.{{ object }}(row)}
    return render(request, "{{ app }}/{{ object }}_detail.html", context)
