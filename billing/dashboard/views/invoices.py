"""Invoice pages: list, create, detail, edit, and the steps from draft to paid."""

from collections.abc import Callable

from django.contrib import messages
from django.db.models import prefetch_related_objects
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import CompanyRequest, company_page
from accounts.roles import Role, at_least
from billing import selectors, services
from billing.dashboard.forms import ChargeForm, CustomerFilterForm, InvoiceFilterForm, InvoiceForm
from billing.dashboard.pdfs import pdf_response
from billing.dashboard.sent_before import NO_SECOND_PAYMENT, NOTHING_CREATED
from billing.dashboard.taxes import with_percent
from billing.dashboard.timeline import timeline_of
from billing.export.documents import invoice_document
from billing.models import Customer, Invoice
from billing.representations import tax_breakdown
from core import clock
from core.errors import DomainError, FieldErrors, is_allowed
from core.postgres.orders import NEWEST
from core.tenancy import Tenant
from core.ui.lists import paginate_list
from core.ui.one_time_forms import act_once
from core.ui.waiting import render_waiting

CUSTOMERS_OFFERED = 10


@company_page()
@require_safe
def invoice_list(request: CompanyRequest) -> HttpResponse:
    """List the company's invoices, newest first."""
    form = InvoiceFilterForm(request.GET)
    try:
        page = paginate_list(
            selectors.filter_invoices(**form.chosen).select_related("customer"),
            request,
            columns={**selectors.INVOICE_SORT, "total": ("currency", "total")},
        )
    except FieldErrors:
        return redirect("billing:invoices")
    context = {
        "form": form,
        "page": page,
        "is_filtered": bool(form.chosen),
        "may_change": at_least(request.membership.role, Role.DEVELOPER),
        "today": clock.now().date(),
        "actions": [
            {"label": "Finalize", "icon": "check", "url": reverse("billing:finalize_selected")},
            {"label": "Void", "icon": "x", "url": reverse("billing:void_selected"), "tone": "danger-quiet"},
        ],
    }
    return render(request, "billing/invoice_list.html", context)


@company_page(role=Role.DEVELOPER)
@require_http_methods(["GET", "HEAD", "POST"])
def create(request: CompanyRequest) -> HttpResponse:
    """Create a draft: first choose the customer, then enter the lines."""
    reference = request.POST.get("customer") or request.GET.get("customer")
    if not reference:
        search = CustomerFilterForm(request.GET)
        found = selectors.filter_customers(**search.chosen).order_by(NEWEST)[:CUSTOMERS_OFFERED]
        return render(request, "billing/invoice_customer.html", {"form": search, "customers": found})
    customer = selectors.get_customer(reference)
    form = InvoiceForm(
        request.POST if request.method == "POST" else None,
        initial={"customer": customer.public_id, "currency": "EUR"},
    )
    if request.method != "POST" or form.wants_more_lines or not form.is_valid():
        return _form_page(request, form, customer)
    try:
        return act_once(request, lambda: _create(request, form, customer), if_sent_before=NOTHING_CREATED)
    except DomainError as refusal:
        form.show_refusal(refusal)
        return _form_page(request, form, customer)


def _create(request: CompanyRequest, form: InvoiceForm, customer: Customer) -> HttpResponse:
    invoice = services.create_invoice(actor=request.principal, **form.values(customer))
    messages.success(request, "The draft was saved.")
    return redirect("billing:invoice", invoice.public_id)


@company_page(role=Role.DEVELOPER)
@require_POST
def totals(request: CompanyRequest) -> HttpResponse:
    """Return the totals of a draft's form while it is being filled in: of each line and in all. Nothing is saved."""
    customer = selectors.get_customer(request.POST.get("customer", ""))
    form = InvoiceForm(request.POST)
    context: dict[str, object] = {"currency": form.line_currency}
    try:
        lines, context["whole"] = form.amounts(customer)
    except ValueError as error:
        lines, context["problem"] = [None] * len(form.lines), str(error)
    context["lines"] = list(zip(form.lines, lines, strict=True))
    context["unread"] = form.unread()
    return render(request, "billing/invoice_totals.html", context)


@company_page()
@require_safe
def detail(request: CompanyRequest, public_id: str) -> HttpResponse:
    """Show an invoice: lines, totals, payments, and history."""
    return render_detail(request, selectors.get_invoice(public_id))


def render_detail(
    request: CompanyRequest, invoice: Invoice, *, charge_form: ChargeForm | None = None
) -> HttpResponse:
    """Return the page of an invoice; with status 422 if it shows errors of a form."""
    prefetch_related_objects([invoice], "lines")
    charges = list(selectors.list_charges_of(invoice).order_by(NEWEST))
    refunds = [refund for charge in charges for refund in charge.refunds.all()]
    payments = list(selectors.list_payments(invoice).order_by(NEWEST))
    credit_notes = list(selectors.list_credit_notes(invoice).order_by(NEWEST))
    ids = [row.public_id for row in (invoice, *charges, *refunds, *payments, *credit_notes)]
    may_change = at_least(request.membership.role, Role.DEVELOPER)

    def may(check: Callable[[Invoice], None]) -> bool:
        return may_change and is_allowed(check, invoice)

    if charge_form is None and may(services.check_charge):
        charge_form = ChargeForm(invoice=invoice)
    lines = sorted(invoice.lines.all(), key=lambda line: line.position)
    context = {
        "invoice": invoice,
        "customer": invoice.customer,
        "lines": lines,
        "tax_breakdown": with_percent(tax_breakdown(invoice, lines)),
        "charges": charges,
        "links": selectors.count_links(invoice),
        "payments": payments,
        "credit_notes": credit_notes,
        # The totals are queried as well: a response may arrive between reading the invoice and its charges.
        "is_waiting": bool(invoice.amount_pending or any(charge.amount_refund_pending for charge in charges))
        or any(row.status == "pending" for row in (*charges, *refunds)),
        "charge_form": charge_form,
        "entries": timeline_of(ids, currency=invoice.currency),
        "may_change": may_change,
        "may_edit": may(services.check_draft),
        "may_finalize": may(services.check_finalize),
        "may_void": may(services.check_void),
        "may_record": may(services.check_record),
        "may_credit": may(services.check_credit),
        "may_give_up": may(services.check_give_up),
        "refundable": {charge.id for charge in charges if is_allowed(services.check_refund, charge)},
        "undoable": {payment.id for payment in payments if is_allowed(services.check_undo, payment)},
        "is_overdue": invoice.is_overdue(clock.now().date()),
    }
    status = 422 if charge_form is not None and charge_form.errors else 200
    return render_waiting(request, "billing/invoice_detail.html", context, status=status)


@company_page(role=Role.DEVELOPER)
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: CompanyRequest, public_id: str) -> HttpResponse:
    """Edit a draft."""
    invoice = selectors.get_invoice(public_id)
    services.check_draft(invoice)
    form = InvoiceForm.for_invoice(invoice, request.POST if request.method == "POST" else None)
    if request.method != "POST" or form.wants_more_lines or not form.is_valid():
        return _form_page(request, form, invoice.customer, invoice)
    try:
        services.update_invoice(
            invoice=invoice, actor=request.principal, **form.values(invoice.customer, invoice)
        )
    except DomainError as refusal:
        form.show_refusal(refusal)
        return _form_page(request, form, invoice.customer, invoice)
    messages.success(request, "The draft was updated.")
    return redirect("billing:invoice", public_id)


@company_page(role=Role.DEVELOPER)
@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: CompanyRequest, public_id: str) -> HttpResponse:
    """Confirm, then delete a draft."""
    invoice = selectors.get_invoice(public_id)
    if request.method == "POST":
        services.delete_invoice(invoice=invoice, actor=request.principal)
        messages.success(request, "The draft was deleted.")
        return redirect("billing:invoices")
    services.check_draft(invoice)
    return _ask(request, invoice, "delete")


@company_page(role=Role.DEVELOPER)
@require_http_methods(["GET", "HEAD", "POST"])
def finalize(request: CompanyRequest, public_id: str) -> HttpResponse:
    """Confirm, then assign a number to a draft and open it."""
    return _step(request, public_id, "finalize", services.finalize_invoice, services.check_finalize)


@company_page(role=Role.DEVELOPER)
@require_http_methods(["GET", "HEAD", "POST"])
def void(request: CompanyRequest, public_id: str) -> HttpResponse:
    """Confirm, then void an invoice."""
    return _step(request, public_id, "void", services.void_invoice, services.check_void)


@company_page(role=Role.DEVELOPER)
@require_http_methods(["GET", "HEAD", "POST"])
def give_up(request: CompanyRequest, public_id: str) -> HttpResponse:
    """Confirm, then mark an invoice uncollectible."""
    return _step(request, public_id, "give_up", services.mark_uncollectible, services.check_give_up)


@company_page(role=Role.DEVELOPER)
@require_POST
def charge(request: CompanyRequest, public_id: str) -> HttpResponse:
    """Charge an invoice."""
    invoice = selectors.get_invoice(public_id)
    form = ChargeForm(request.POST, invoice=invoice)
    if not form.is_valid():
        return render_detail(request, invoice, charge_form=form)
    try:
        return act_once(request, lambda: _charge(request, invoice, form), if_sent_before=NO_SECOND_PAYMENT)
    except DomainError as refusal:
        form.show_refusal(refusal)
        return render_detail(request, invoice, charge_form=form)


def _charge(request: CompanyRequest, invoice: Invoice, form: ChargeForm) -> HttpResponse:
    services.create_charge(actor=request.principal, invoice=invoice, **form.cleaned_data)
    messages.info(request, "Charge created. Its status below updates with the gateway's response.")
    return redirect("billing:invoice", invoice.public_id)


@company_page(in_transaction=False)
@require_safe
def pdf(request: CompanyRequest, public_id: str) -> HttpResponse:
    """Return the invoice as a PDF."""
    document = invoice_document(Tenant(request.membership.company_id, request.mode), public_id)
    return pdf_response(document)


_QUESTIONS = {
    "delete": (
        "Delete this draft?",
        "It has no number yet, so no number will be missing.",
        "Delete draft",
        "danger",
        "The draft was deleted.",
    ),
    "finalize": (
        "Finalize this invoice?",
        "It gets the next number and becomes due. After that it cannot be changed: to correct it, credit it, or void it and create another.",
        "Finalize",
        "primary",
        "The invoice was finalized.",
    ),
    "void": (
        "Void this invoice?",
        "It keeps its number and is no longer due. This cannot be undone.",
        "Void",
        "danger",
        "The invoice is void.",
    ),
    "give_up": (
        "Mark this invoice uncollectible?",
        "You no longer expect it to be paid, and it can no longer be charged. This cannot be undone.",
        "Mark uncollectible",
        "danger",
        "The invoice is marked uncollectible.",
    ),
}


def _step(
    request: CompanyRequest,
    public_id: str,
    name: str,
    service: Callable[..., Invoice],
    check: Callable[[Invoice], None],
) -> HttpResponse:
    invoice = selectors.get_invoice(public_id)
    if request.method != "POST":
        check(invoice)
        return _ask(request, invoice, name)
    service(invoice=invoice, actor=request.principal)
    messages.success(request, _QUESTIONS[name][4])
    return redirect("billing:invoice", public_id)


def _ask(request: CompanyRequest, invoice: Invoice, name: str) -> HttpResponse:
    title, text, confirm, tone, _ = _QUESTIONS[name]
    context = {"invoice": invoice, "title": title, "text": text, "confirm": confirm, "tone": tone}
    return render(request, "billing/invoice_confirm.html", context)


def _form_page(
    request: CompanyRequest, form: InvoiceForm, customer: Customer, invoice: Invoice | None = None
) -> HttpResponse:
    status = 422 if request.method == "POST" and not form.wants_more_lines else 200
    context = {"form": form, "customer": customer, "invoice": invoice}
    return render(request, "billing/invoice_form.html", context, status=status)
