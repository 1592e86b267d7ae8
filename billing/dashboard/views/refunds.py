"""Refunds of a charge."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from accounts.access import CompanyRequest, company_page
from accounts.roles import Role
from billing import selectors, services
from billing.dashboard.forms import RefundForm
from billing.dashboard.sent_before import NO_SECOND_PAYMENT
from billing.models import Charge
from core.errors import DomainError
from core.ui.one_time_forms import act_once


@company_page(role=Role.DEVELOPER)
@require_http_methods(["GET", "HEAD", "POST"])
def refund(request: CompanyRequest, public_id: str) -> HttpResponse:
    """Ask for the amount, then refund it."""
    charge = selectors.get_charge(public_id)
    form = RefundForm(request.POST if request.method == "POST" else None, charge=charge)
    if request.method == "POST" and form.is_valid():
        try:
            return act_once(request, lambda: _refund(request, charge, form), if_sent_before=NO_SECOND_PAYMENT)
        except DomainError as refusal:
            form.show_refusal(refusal)
    services.check_refund(charge)
    context = {"charge": charge, "form": form}
    return render(request, "billing/refund.html", context, status=422 if form.errors else 200)


def _refund(request: CompanyRequest, charge: Charge, form: RefundForm) -> HttpResponse:
    services.create_refund(charge=charge, actor=request.principal, **form.cleaned_data)
    messages.info(request, "Refund created. Its status below updates with the gateway's response.")
    return redirect("billing:charge", charge.public_id)
