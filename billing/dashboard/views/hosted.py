"""An invoice behind a link, for whoever has it. Nobody signs in: the link's secret is the permission.

It only shows: nothing here changes a row, and neither cookies nor scripts are needed. What the page says is what the PDF says.
"""

from functools import wraps
from typing import Any, Protocol

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.selectors import current_company
from billing import selectors
from billing.dashboard.forms.base import percent_text
from billing.dashboard.logos import logo_address
from billing.dashboard.pdfs import pdf_response
from billing.export.documents import invoice_document
from billing.models import Invoice
from billing.representations import tax_breakdown
from core import clock
from core.api.throttling import RatePolicy
from core.api.visits import VisitLimit
from core.errors import TemporarilyUnavailable
from core.http.requests import Request
from core.tenancy import tenant_context
from core.values import ids

VISITS = RatePolicy("invoice-link", 60)
_limit = VisitLimit(VISITS)


class _View(Protocol):
    def __call__(self, request: Request, token: str) -> HttpResponse: ...


def _link_page(view: _View) -> _View:
    """Count the visit, and keep the answer out of search engines, caches and the next page's Referer."""

    @wraps(view)
    def wrapped(request: Request, token: str) -> HttpResponse:
        wait = _limit.count(request.client_ip)
        if wait is None:
            response = view(request, token)
        else:
            response = render(request, "429.html", status=429)
            response.headers["Retry-After"] = str(wait)
        response.headers["X-Robots-Tag"] = "noindex, nofollow"
        response.headers["Referrer-Policy"] = "no-referrer"
        return response

    return wrapped


@never_cache
@require_safe
@_link_page
def page(request: Request, token: str) -> HttpResponse:
    """The invoice: who sells, what is owed, and what became of it."""
    link = selectors.find_link(token)
    if link is None:
        raise Http404
    with tenant_context(link.tenant):
        context = _context(selectors.list_invoices().get(id=link.invoice_id))
    return render(request, "billing/hosted_invoice.html", {**context, "token": token})


@never_cache
@require_safe
@_link_page
def pdf(request: Request, token: str) -> HttpResponse:
    """The invoice as a PDF."""
    link = selectors.find_link(token)
    if link is None:
        raise Http404
    try:
        document = invoice_document(link.tenant, ids.encode("in", link.invoice_id))
    except TemporarilyUnavailable as busy:
        response = render(request, "503.html", status=503)
        response.headers["Retry-After"] = busy.headers["Retry-After"]
        return response
    return pdf_response(document)


def _context(invoice: Invoice) -> dict[str, Any]:
    lines = sorted(invoice.lines.all(), key=lambda line: line.position)
    seller = invoice.seller or {}
    return {
        "invoice": invoice,
        "seller": seller,
        "logo": logo_address(selectors.logo_of(seller)),
        "seller_name": seller.get("legal_name") or current_company().name,
        "buyer": invoice.billed_to or {},
        "bank": seller.get("bank_details") or {},
        "lines": lines,
        "tax_breakdown": [
            {**each, "percent": percent_text(each["tax_rate_bps"])} for each in tax_breakdown(invoice, lines)
        ],
        "is_overdue": invoice.is_overdue(clock.now().date()),
    }
