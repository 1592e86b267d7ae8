"""Payments outside the gateway: record and undo."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from accounts.access import CompanyRequest, company_page
from accounts.roles import Role
from billing import selectors, services
from billing.dashboard.forms import PaymentForm, UndoForm
from billing.dashboard.sent_before import NO_SECOND_PAYMENT
from billing.models import Invoice, OffPlatformPayment
from core.errors import DomainError
from core.ui.one_time_forms import act_once


@company_page(role=Role.DEVELOPER)
@require_http_methods(["GET", "HEAD", "POST"])
def record(request: CompanyRequest, public_id: str) -> HttpResponse:
    """Ask for the amount and the method, then record the payment."""
    invoice = selectors.get_invoice(public_id)
    form = PaymentForm(request.POST if request.method == "POST" else None, invoice=invoice)
    if request.method == "POST" and form.is_valid():
        try:
            return act_once(
                request, lambda: _record(request, invoice, form), if_sent_before=NO_SECOND_PAYMENT
            )
        except DomainError as refusal:
            form.show_refusal(refusal)
    services.check_record(invoice)
    context = {"invoice": invoice, "form": form}
    return render(request, "billing/payment_form.html", context, status=422 if form.errors else 200)


def _record(request: CompanyRequest, invoice: Invoice, form: PaymentForm) -> HttpResponse:
    services.record_payment(invoice=invoice, actor=request.principal, **form.values)
    messages.success(request, "The payment was recorded.")
    return redirect("billing:invoice", invoice.public_id)


@company_page(role=Role.DEVELOPER)
@require_http_methods(["GET", "HEAD", "POST"])
def undo(request: CompanyRequest, public_id: str) -> HttpResponse:
    """Ask for the reason, then undo a payment."""
    payment: OffPlatformPayment = selectors.get_payment(public_id)
    form = UndoForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            services.undo_payment(payment=payment, actor=request.principal, **form.cleaned_data)
        except DomainError as refusal:
            form.show_refusal(refusal)
        else:
            messages.success(request, "The payment was undone.")
            return redirect("billing:invoice", payment.invoice.public_id)
    services.check_undo(payment)
    context = {"payment": payment, "invoice": payment.invoice, "form": form}
    return render(request, "billing/payment_undo.html", context, status=422 if form.errors else 200)
