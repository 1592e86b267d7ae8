"""Deliveries: find them, read what was sent and answered, send again, recover."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounts.access import CompanyRequest, company_page, safe_next
from accounts.roles import Role, at_least
from core import clock
from core.errors import FieldErrors, is_allowed
from core.postgres.orders import NEWEST
from core.ui.lists import paginate_list
from core.ui.waiting import render_waiting
from webhooks import selectors
from webhooks.dashboard.forms import DeliveryFilterForm, RecoverForm
from webhooks.models import Delivery
from webhooks.selectors.requests import shown_request
from webhooks.services.deliveries import check_resend, resend_deliveries
from webhooks.services.recoveries import start_recovery

MAX_AT_ONCE = 100


@company_page()
@require_safe
def delivery_list(request: CompanyRequest) -> HttpResponse:
    """Deliveries to all endpoints, newest first."""
    form = DeliveryFilterForm(request.GET, endpoints=list(selectors.list_endpoints().order_by(NEWEST)))
    rows = selectors.filter_deliveries(**form.chosen).select_related("endpoint")
    try:
        page = paginate_list(rows, request)
    except FieldErrors:
        return redirect("webhooks:deliveries")
    context = {
        "form": form,
        "page": page,
        "may_change": at_least(request.membership.role, Role.DEVELOPER),
    }
    return render(request, "webhooks/delivery_list.html", context)


@company_page()
@require_safe
def delivery(request: CompanyRequest, public_id: str) -> HttpResponse:
    """One delivery: what was sent, and every answer."""
    row = selectors.get_delivery(public_id)
    context = {
        "delivery": row,
        # Not for the hours until a next try, nor while the endpoint is off.
        "is_waiting": row.status == Delivery.Status.SENDING
        or (row.endpoint.enabled and row.due_at is not None and row.due_at <= clock.now()),
        "sent": shown_request(row),
        "tries": selectors.tries_of([row])[row.id][::-1],
        "may_resend": at_least(request.membership.role, Role.DEVELOPER) and is_allowed(check_resend, row),
    }
    return render_waiting(request, "webhooks/delivery_detail.html", context)


@company_page(role=Role.DEVELOPER)
@require_POST
def resend(request: CompanyRequest) -> HttpResponse:
    """Send the chosen deliveries again."""
    chosen = [selectors.get_delivery(each) for each in request.POST.getlist("delivery")[:MAX_AT_ONCE]]
    if not chosen:
        messages.warning(request, "Choose at least one delivery.")
    else:
        resend_deliveries(deliveries=chosen, actor=request.principal)
        many = "One delivery is" if len(chosen) == 1 else f"{len(chosen)} deliveries are"
        messages.success(request, f"{many} being sent again.")
    return redirect(safe_next(request, "/webhooks/deliveries/"))


@company_page(role=Role.DEVELOPER)
@require_POST
def recover(request: CompanyRequest, public_id: str) -> HttpResponse:
    """Start sending an endpoint what it did not get."""
    endpoint = selectors.get_endpoint(public_id)
    form = RecoverForm(request.POST)
    if form.is_valid():
        start_recovery(
            endpoint=endpoint, actor=request.principal, kind=form.cleaned_data["kind"], since=form.since
        )
        messages.success(request, "Recovery started; its progress is shown below.")
    else:
        messages.error(request, "Choose what to send, and from when.")
    return redirect("webhooks:detail", public_id)
