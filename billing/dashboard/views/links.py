"""Links to an invoice for its customer: created, shown once, and revoked."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.cache import add_never_cache_headers
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import CompanyRequest, company_page
from accounts.roles import Role
from billing import selectors, services


@company_page(role=Role.DEVELOPER)
@require_POST
def create(request: CompanyRequest, public_id: str) -> HttpResponse:
    """Create a link and show it once, in the response to the POST, like a new key."""
    invoice = selectors.get_invoice(public_id)
    address = services.create_link(invoice=invoice, actor=request.principal)
    response = render(request, "billing/invoice_link.html", {"invoice": invoice, "address": address})
    add_never_cache_headers(response)
    return response


@company_page(role=Role.DEVELOPER)
@require_http_methods(["GET", "HEAD", "POST"])
def revoke(request: CompanyRequest, public_id: str) -> HttpResponse:
    """Confirm, then revoke every link to an invoice."""
    invoice = selectors.get_invoice(public_id)
    if request.method == "POST":
        services.revoke_links(invoice=invoice, actor=request.principal)
        messages.success(request, "Links to this invoice no longer work.")
        return redirect("billing:invoice", public_id)
    return render(request, "billing/invoice_link_revoke.html", {"invoice": invoice})
