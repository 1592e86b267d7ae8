"""Sends an invoice from its page."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from accounts.access import CompanyRequest, company_page
from accounts.roles import Role
from billing.models import Invoice
from billing.selectors import get_invoice
from core.errors import DomainError
from core.tenancy import Tenant
from core.ui.one_time_forms import act_once
from messaging.channels.email import CHANNEL as EMAIL
from messaging.dashboard.forms import SendInvoiceForm
from messaging.services.invoices import default_subject, make_document, require_sendable, send_invoice


def _make_document(request: CompanyRequest) -> None:
    """Create the PDF before the transaction, because it is slow."""
    request.invoice_document = None  # type: ignore[attr-defined]
    if request.method == "POST" and request.resolver_match:
        tenant = Tenant(request.membership.company_id, request.mode)
        public_id = request.resolver_match.kwargs["public_id"]
        request.invoice_document = make_document(tenant, public_id)  # type: ignore[attr-defined]


@company_page(role=Role.DEVELOPER, first=_make_document)
@require_http_methods(["GET", "HEAD", "POST"])
def send(request: CompanyRequest, public_id: str) -> HttpResponse:
    """Ask for the recipient and the texts, then send the invoice."""
    invoice = get_invoice(public_id)
    require_sendable(invoice)
    customer = invoice.customer
    begun_with = {
        "to": "" if customer.deleted_at else EMAIL.customer_address(customer),
        "subject": default_subject(invoice),
    }
    form = SendInvoiceForm(request.POST if request.method == "POST" else None, initial=begun_with)
    if request.method == "POST" and form.is_valid():
        try:
            return act_once(
                request,
                lambda: _send(request, invoice, form),
                if_sent_before="This form was already submitted: the invoice was not sent again.",
            )
        except DomainError as refusal:
            form.show_refusal(refusal)
    context = {"invoice": invoice, "form": form}
    return render(request, "messaging/invoice_send.html", context, status=422 if form.errors else 200)


def _send(request: CompanyRequest, invoice: Invoice, form: SendInvoiceForm) -> HttpResponse:
    document = request.invoice_document  # type: ignore[attr-defined]
    sent = send_invoice(invoice=invoice, document=document, actor=request.principal, **form.cleaned_data)
    messages.success(request, f"Invoice {invoice.number} is being sent. Its message shows the status.")
    return redirect("messaging:detail", sent.message.public_id)
