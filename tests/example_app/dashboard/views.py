"""The pages of bookings: list and detail."""

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from accounts.access import CompanyRequest, company_page
from core.api.pagination import paginate
from core.errors import FieldErrors
from tests.example_app import representations, selectors


@company_page()
@require_safe
def booking_list(request: CompanyRequest) -> HttpResponse:
    """The company's bookings, newest first."""
    try:
        page = paginate(selectors.list_bookings(), request)
    except FieldErrors:
        return redirect("bookings:list")
    rows = [(row, representations.booking(row)) for row in page.items]
    return render(request, "bookings/booking_list.html", {"page": page, "rows": rows})


@company_page()
@require_safe
def detail(request: CompanyRequest, public_id: str) -> HttpResponse:
    """One booking."""
    row = selectors.get_booking(public_id)
    context = {"booking": row, "shown": representations.booking(row)}
    return render(request, "bookings/booking_detail.html", context)
