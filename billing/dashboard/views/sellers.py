"""The company's details on its invoices."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import CompanyRequest, company_page
from accounts.roles import Role, at_least
from billing import representations, selectors, services
from billing.dashboard.forms import SellerForm
from billing.dashboard.logos import logo_address
from billing.services.legal import missing_on_document
from billing.services.party_fields import ADDRESS_PARTS
from core.errors import DomainError


@company_page()
@require_safe
def seller(request: CompanyRequest) -> HttpResponse:
    """Show the company's details on invoices, and the missing legal requirements."""
    row = selectors.current_seller()
    address = row.address or {}
    context = {
        "seller": row,
        "logo": logo_address(row.logo),
        "address": [address[part] for part in ADDRESS_PARTS if part in address],
        "missing": missing_on_document(representations.seller_snapshot(row), {}),
        "may_edit": at_least(request.membership.role, Role.ADMIN),
    }
    return render(request, "billing/seller.html", context)


@company_page(role=Role.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: CompanyRequest) -> HttpResponse:
    """Edit the details: for owners and admins only, because they include the bank account."""
    form = SellerForm.for_seller(selectors.current_seller(), request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        try:
            services.update_seller(actor=request.principal, **form.values)
        except DomainError as refusal:
            form.show_refusal(refusal)
        else:
            messages.success(request, "Saved. Invoices already issued do not change.")
            return redirect("billing:seller")
    status = 422 if request.method == "POST" else 200
    return render(request, "billing/seller_form.html", {"form": form}, status=status)
