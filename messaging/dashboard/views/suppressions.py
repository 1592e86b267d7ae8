"""Suppression list pages: find, add, remove."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from accounts.access import CompanyRequest, company_page
from accounts.roles import Role, at_least
from core.errors import FieldErrors
from core.ui.lists import paginate_list
from messaging import services
from messaging.channels import find_spellings
from messaging.dashboard.forms import SuppressForm, SuppressionFilterForm
from messaging.selectors import suppressions as selectors
from messaging.services.suppressions import AlreadySuppressed


@company_page()
@require_http_methods(["GET", "HEAD"])
def suppression_list(request: CompanyRequest) -> HttpResponse:
    """Suppressed addresses, newest first."""
    return _page(request, SuppressForm())


@company_page(role=Role.DEVELOPER)
@require_http_methods(["POST"])
def suppress(request: CompanyRequest) -> HttpResponse:
    """Add an address to the list."""
    form = SuppressForm(request.POST)
    if form.is_valid():
        try:
            row = services.create_suppression(actor=request.principal, **form.cleaned_data)
        except FieldErrors as refusal:
            form.show_refusal(refusal)
        except AlreadySuppressed as refusal:
            form.add_error("address", refusal.page_detail)
        else:
            messages.success(request, f"Nothing is sent to {row.address} from now on.")
            return redirect("messaging:suppressions")
    return _page(request, form, status=400)


@company_page(role=Role.DEVELOPER)
@require_http_methods(["GET", "HEAD", "POST"])
def remove(request: CompanyRequest, public_id: str) -> HttpResponse:
    """Remove an address from the list, after confirmation."""
    row = selectors.get_suppression(public_id)
    if request.method != "POST":
        return render(request, "messaging/suppression_remove.html", {"suppression": row})
    address = row.address
    services.delete_suppression(suppression=row, actor=request.principal)
    messages.success(request, f"Messages can be sent to {address} again.")
    return redirect("messaging:suppressions")


def _page(request: CompanyRequest, form: SuppressForm, status: int = 200) -> HttpResponse:
    filters = SuppressionFilterForm(request.GET)
    rows = selectors.list_suppressions().select_related("message").defer("message__text", "message__html")
    if filters.is_valid():
        chosen = filters.cleaned_data
        if chosen["address"]:
            spellings = find_spellings(chosen["address"])
            rows = rows.filter(address_normalized=spellings[0]) if spellings else rows.none()
        if chosen["channel"]:
            rows = rows.filter(channel=chosen["channel"])
        if chosen["origin"]:
            rows = rows.filter(origin=chosen["origin"])
        if chosen["topic"]:
            rows = rows.filter(topic=chosen["topic"])
    try:
        page = paginate_list(rows, request, columns=selectors.SUPPRESSION_SORT)
    except FieldErrors:
        return redirect("messaging:suppressions")
    context = {
        "form": filters,
        "suppress_form": form,
        "actions": [
            {
                "label": "Remove",
                "icon": "trash",
                "url": reverse("messaging:remove_selected"),
                "tone": "danger-quiet",
            }
        ],
        "page": page,
        "may_change": at_least(request.membership.role, Role.DEVELOPER),
    }
    return render(request, "messaging/suppression_list.html", context, status=status)
