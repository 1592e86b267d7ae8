"""Charge pages: list, create without an invoice, detail. An invoice is charged from its own page."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import CompanyRequest, company_page
from accounts.roles import Role, at_least
from billing import selectors, services
from billing.dashboard.forms import ChargeFilterForm, FreeChargeForm
from billing.dashboard.sent_before import NO_SECOND_PAYMENT
from billing.dashboard.timeline import timeline_of
from core.errors import DomainError, FieldErrors, is_allowed
from core.postgres.orders import NEWEST
from core.ui.lists import paginate_list
from core.ui.one_time_forms import act_once
from core.ui.waiting import render_waiting


@company_page()
@require_safe
def charge_list(request: CompanyRequest) -> HttpResponse:
    """List the company's charges, with and without invoices, newest first."""
    form = ChargeFilterForm(request.GET)
    try:
        page = paginate_list(
            selectors.filter_charges(**form.chosen), request, columns={"amount": ("currency", "amount")}
        )
    except FieldErrors:
        return redirect("billing:charges")
    context = {
        "form": form,
        "page": page,
        "is_filtered": bool(form.chosen),
        "may_charge": at_least(request.membership.role, Role.DEVELOPER)
        and is_allowed(services.require_gateway),
    }
    return render(request, "billing/charge_list.html", context)


@company_page(role=Role.DEVELOPER)
@require_http_methods(["GET", "HEAD", "POST"])
def create(request: CompanyRequest) -> HttpResponse:
    """Create a charge without an invoice; `?customer=` preselects the customer."""
    form = FreeChargeForm(
        request.POST if request.method == "POST" else None,
        initial={"customer": request.GET.get("customer", ""), "currency": "EUR"},
    )
    if request.method == "POST" and form.is_valid():
        try:
            return act_once(request, lambda: _charge(request, form), if_sent_before=NO_SECOND_PAYMENT)
        except DomainError as refusal:
            form.show_refusal(refusal)
    services.require_gateway()
    return render(request, "billing/charge_form.html", {"form": form}, status=422 if form.errors else 200)


def _charge(request: CompanyRequest, form: FreeChargeForm) -> HttpResponse:
    charge = services.create_charge(actor=request.principal, **form.cleaned_data)
    messages.info(request, "Charge created. Its status below updates with the gateway's response.")
    return redirect("billing:charge", charge.public_id)


@company_page()
@require_safe
def detail(request: CompanyRequest, public_id: str) -> HttpResponse:
    """Show a charge, its refunds and its history."""
    charge = selectors.get_charge(public_id)
    refunds = list(selectors.list_refunds(charge).order_by(NEWEST))
    context = {
        "charge": charge,
        "invoice": charge.invoice,
        "customer": charge.customer,
        "refunds": refunds,
        "disputes": list(charge.disputes.order_by("id")),
        # The totals are queried as well: a response may arrive between reading the charge and its refunds.
        "is_waiting": bool(charge.amount_refund_pending)
        or any(row.status == "pending" for row in (charge, *refunds)),
        "entries": timeline_of([row.public_id for row in (charge, *refunds)], currency=charge.currency),
        "may_refund": at_least(request.membership.role, Role.DEVELOPER)
        and is_allowed(services.check_refund, charge),
    }
    return render_waiting(request, "billing/charge_detail.html", context)
