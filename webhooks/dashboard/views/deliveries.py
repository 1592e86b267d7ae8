"""Deliveries: search, inspect requests and responses, resend, recover."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import CompanyRequest, company_page, safe_next
from accounts.roles import Role, at_least
from core import clock
from core.errors import FieldErrors, is_allowed
from core.postgres.orders import NEWEST
from core.ui.bulk import Bulk, confirm_or_run
from core.ui.lists import paginate_list
from core.ui.waiting import render_waiting
from webhooks import selectors
from webhooks.dashboard.forms import DeliveryFilterForm, RecoverForm
from webhooks.models import Delivery
from webhooks.selectors.requests import shown_request
from webhooks.services.deliveries import check_resend, resend_deliveries
from webhooks.services.recoveries import start_recovery

RESEND = Bulk(
    field="delivery",
    list_name="Deliveries",
    verb="Resend",
    note="Each is sent again now, and retried as if it were new.",
    done="being sent again",
    name_of=lambda row: f"{row.event_type} ({row.public_id})",
    check=check_resend,
    tone="primary",
)


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
        "actions": [{"label": "Resend", "icon": "send", "url": reverse("webhooks:resend")}],
    }
    return render(request, "webhooks/delivery_list.html", context)


@company_page()
@require_safe
def delivery(request: CompanyRequest, public_id: str) -> HttpResponse:
    """One delivery: its request and every response."""
    row = selectors.get_delivery(public_id)
    context = {
        "delivery": row,
        # Do not poll during the hours until the next attempt, or while the endpoint is disabled.
        "is_waiting": row.status == Delivery.Status.SENDING
        or (row.endpoint.enabled and row.due_at is not None and row.due_at <= clock.now()),
        "sent": shown_request(row),
        "attempts": selectors.attempts_of([row])[row.id][::-1],
        "may_resend": at_least(request.membership.role, Role.DEVELOPER) and is_allowed(check_resend, row),
    }
    return render_waiting(request, "webhooks/delivery_detail.html", context)


@company_page(role=Role.DEVELOPER)
@require_http_methods(["GET", "HEAD", "POST"])
def resend(request: CompanyRequest) -> HttpResponse:
    """Confirm, then resend every selected delivery. The page of a single delivery resends without confirmation."""
    return confirm_or_run(
        request,
        RESEND,
        find=lambda public_ids: Delivery.by_public_ids(
            public_ids, among=Delivery.objects.select_related("endpoint")
        ),
        act=lambda row: resend_deliveries(deliveries=[row], actor=request.principal),
        back=safe_next(request, "/webhooks/deliveries/"),
    )


@company_page(role=Role.DEVELOPER)
@require_POST
def recover(request: CompanyRequest, public_id: str) -> HttpResponse:
    """Start a recovery of an endpoint's missed deliveries."""
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
