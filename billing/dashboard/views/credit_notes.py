"""Credit note pages: create, detail, void."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import CompanyRequest, company_page
from accounts.roles import Role, at_least
from billing import selectors, services
from billing.dashboard.forms import CreditForm, VoidForm
from billing.dashboard.pdfs import pdf_response
from billing.dashboard.sent_before import NOTHING_CREATED
from billing.dashboard.taxes import with_percent
from billing.dashboard.timeline import timeline_of
from billing.export.documents import credit_note_document
from billing.models import Invoice
from billing.representations import credit_breakdown
from billing.services.credit_notes import creditable_lines
from core.errors import DomainError, is_allowed
from core.tenancy import Tenant
from core.ui.one_time_forms import act_once


@company_page(role=Role.DEVELOPER)
@require_http_methods(["GET", "HEAD", "POST"])
def create(request: CompanyRequest, public_id: str) -> HttpResponse:
    """Ask for the credit of each line, then issue the credit note."""
    invoice = selectors.get_invoice(public_id)
    form = CreditForm(
        request.POST if request.method == "POST" else None, invoice=invoice, left=creditable_lines(invoice)
    )
    if request.method == "POST" and form.is_valid():
        try:
            return act_once(request, lambda: _create(request, invoice, form), if_sent_before=NOTHING_CREATED)
        except DomainError as refusal:
            form.show_refusal(refusal)
    services.check_credit(invoice)
    context = {"invoice": invoice, "form": form}
    return render(request, "billing/credit_note_form.html", context, status=422 if form.errors else 200)


def _create(request: CompanyRequest, invoice: Invoice, form: CreditForm) -> HttpResponse:
    note = services.create_credit_note(invoice=invoice, actor=request.principal, **form.values)
    messages.success(request, f"Credit note {note.number} was issued.")
    return redirect("billing:credit_note", note.public_id)


@company_page()
@require_safe
def detail(request: CompanyRequest, public_id: str) -> HttpResponse:
    """Show a credit note and its history."""
    note = selectors.get_credit_note(public_id)
    lines = list(note.lines.select_related("invoice_line").order_by("position"))
    context = {
        "note": note,
        "invoice": note.invoice,
        "lines": lines,
        "tax_breakdown": with_percent(credit_breakdown(note, lines)),
        "entries": timeline_of([note.public_id]),
        "may_void": at_least(request.membership.role, Role.DEVELOPER)
        and is_allowed(services.check_void_credit_note, note),
    }
    return render(request, "billing/credit_note_detail.html", context)


@company_page(role=Role.DEVELOPER)
@require_http_methods(["GET", "HEAD", "POST"])
def void(request: CompanyRequest, public_id: str) -> HttpResponse:
    """Confirm, then void a credit note."""
    note = selectors.get_credit_note(public_id)
    form = VoidForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            services.void_credit_note(credit_note=note, actor=request.principal, **form.cleaned_data)
        except DomainError as refusal:
            form.show_refusal(refusal)
        else:
            messages.success(request, "The credit note is void.")
            return redirect("billing:credit_note", public_id)
    services.check_void_credit_note(note)
    context = {"note": note, "form": form}
    return render(request, "billing/credit_note_void.html", context, status=422 if form.errors else 200)


@company_page(in_transaction=False)
@require_safe
def pdf(request: CompanyRequest, public_id: str) -> HttpResponse:
    """Return the credit note as a PDF."""
    document = credit_note_document(Tenant(request.membership.company_id, request.mode), public_id)
    return pdf_response(document)
