"""The overview: what a company should do next, and how it is doing."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.access import CompanyRequest, company_page


@company_page()
@require_safe
def overview_page(request: CompanyRequest) -> HttpResponse:
    """First page after signing in."""
    return render(request, "pages/overview.html")
