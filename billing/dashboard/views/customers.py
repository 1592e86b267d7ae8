"""Customer pages: list, create, detail, edit, delete."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import CompanyRequest, company_page
from accounts.roles import Role, at_least
from billing import selectors, services
from billing.dashboard.forms import CustomerFilterForm, CustomerForm
from billing.dashboard.sent_before import NOTHING_CREATED
from billing.dashboard.timeline import timeline_of
from billing.models import Customer
from billing.services.party_fields import ADDRESS_PARTS
from core.errors import DomainError, FieldErrors, is_allowed
from core.postgres.orders import NEWEST
from core.ui.lists import paginate_list
from core.ui.one_time_forms import act_once

RECENT = 10


@company_page()
@require_safe
def customer_list(request: CompanyRequest) -> HttpResponse:
    """List the company's customers, newest first."""
    form = CustomerFilterForm(request.GET)
    rows = selectors.filter_customers(**form.chosen)
    try:
        page = paginate_list(rows, request, columns=selectors.CUSTOMER_SORT)
    except FieldErrors:
        return redirect("billing:customers")
    context = {
        "form": form,
        "page": page,
        "is_filtered": bool(form.chosen),
        "may_change": _may_change(request),
        "actions": [
            {
                "label": "Delete",
                "icon": "x",
                "url": reverse("billing:delete_selected"),
                "tone": "danger-quiet",
            },
        ],
    }
    return render(request, "billing/customer_list.html", context)


@company_page(role=Role.DEVELOPER)
@require_http_methods(["GET", "HEAD", "POST"])
def create(request: CompanyRequest) -> HttpResponse:
    """Create a customer."""
    form = CustomerForm(request.POST or None)
    if request.method != "POST" or not form.is_valid():
        return _form_page(request, form)
    try:
        return act_once(request, lambda: _create(request, form), if_sent_before=NOTHING_CREATED)
    except DomainError as refusal:
        form.show_refusal(refusal)
        return _form_page(request, form)


def _create(request: CompanyRequest, form: CustomerForm) -> HttpResponse:
    customer = services.create_customer(actor=request.principal, **form.values)
    messages.success(request, f"{customer.name} was created.")
    return redirect("billing:customer", customer.public_id)


@company_page()
@require_safe
def detail(request: CompanyRequest, public_id: str) -> HttpResponse:
    """Show a customer: details, latest invoices and charges, and history."""
    customer = selectors.get_customer(public_id)
    address = customer.address or {}
    context = {
        "customer": customer,
        "address": [address[part] for part in ADDRESS_PARTS if part in address],
        "invoices": selectors.filter_invoices(customer=customer.public_id).order_by(NEWEST)[:RECENT],
        "charges": selectors.filter_charges(customer=customer.public_id).order_by(NEWEST)[:RECENT],
        "entries": timeline_of([customer.public_id]),
        "may_change": _may_change(request),
        "may_charge": _may_change(request) and is_allowed(services.require_gateway),
    }
    return render(request, "billing/customer_detail.html", context)


@company_page(role=Role.DEVELOPER)
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: CompanyRequest, public_id: str) -> HttpResponse:
    """Edit a customer."""
    customer = selectors.get_customer(public_id)
    form = CustomerForm.for_customer(customer, request.POST or None)
    if request.method != "POST" or not form.is_valid():
        return _form_page(request, form, customer)
    try:
        services.update_customer(customer=customer, actor=request.principal, **form.changes_of(customer))
    except DomainError as refusal:
        form.show_refusal(refusal)
        return _form_page(request, form, selectors.get_customer(public_id))
    messages.success(request, "The customer was updated.")
    return redirect("billing:customer", public_id)


@company_page(role=Role.DEVELOPER)
@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: CompanyRequest, public_id: str) -> HttpResponse:
    """Confirm, then delete a customer."""
    customer = selectors.get_customer(public_id)
    if request.method == "POST":
        services.delete_customer(customer=customer, actor=request.principal)
        messages.success(request, f"{customer.name} was deleted; their invoices stay.")
        return redirect("billing:customers")
    return render(request, "billing/customer_delete.html", {"customer": customer})


def _may_change(request: CompanyRequest) -> bool:
    return at_least(request.membership.role, Role.DEVELOPER)


def _form_page(request: CompanyRequest, form: CustomerForm, customer: Customer | None = None) -> HttpResponse:
    status = 422 if request.method == "POST" else 200
    context = {"form": form, "customer": customer}
    return render(request, "billing/customer_form.html", context, status=status)
