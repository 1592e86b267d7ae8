"""The hosted invoice page, for anyone with its link. Nobody signs in: the link's secret is the authorization.

It needs neither cookies nor scripts, and shows the same as the PDF. Its only action is to start a payment, by POST and without a
CSRF token: to forge it, one would have to know the link, and it moves no money.
"""

from functools import wraps
from typing import Any, Protocol

import structlog
from csp.decorators import csp_update
from django.conf import settings
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

from accounts.selectors import current_company
from billing import selectors, services
from billing.dashboard.logos import logo_address
from billing.dashboard.pdfs import pdf_response
from billing.dashboard.taxes import with_percent
from billing.export.documents import invoice_document
from billing.gateways import GatewayMisconfigured, GatewayUnavailable
from billing.models import Charge, Invoice, InvoiceLink
from billing.representations import tax_breakdown
from billing.services.checkouts import checkout_gateway
from billing.services.completion import BATCH_NAME
from billing.services.errors import ChargeExceedsAmountDue, InvoiceNotOpen, NoGateway
from core import clock
from core.api.throttling import RatePolicy
from core.api.visits import VisitLimit
from core.background import set_aside
from core.errors import TemporarilyUnavailable
from core.http.requests import Request, actor_of
from core.tenancy import tenant_context
from core.values import ids

VISITS = RatePolicy("invoice-link", 60)
_limit = VisitLimit(VISITS)
HOSTED_PAGE = "billing/hosted_invoice.html"
# Seconds after which a retry makes sense when the gateway does not respond.
RETRY_AFTER = 30

log = structlog.get_logger(__name__)


class _View(Protocol):
    def __call__(self, request: Request, token: str) -> HttpResponse: ...


def _link_page(view: _View) -> _View:
    """Count the visit, and keep the response out of search engines, caches and the next page's Referer."""

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
    """Show the invoice: the seller, the amount due, and the status."""
    return _show(request, _link_of(token), token)


def _link_of(token: str) -> InvoiceLink:
    link = selectors.find_link(token)
    if link is None:
        raise Http404
    return link


@csrf_exempt
@never_cache
@require_POST
@_link_page
def pay(request: Request, token: str) -> HttpResponse:
    """Redirect the payer to the gateway's page; if they cannot pay, show the invoice with the reason."""
    link = _link_of(token)
    here = reverse("invoice_link:page", args=[token])
    actor = actor_of(request, kind="system", id="billing.invoice_link", name="link to an invoice")
    try:
        with tenant_context(link.tenant):
            invoice = Invoice.objects.get(id=link.invoice_id)
            charge = services.start_checkout(invoice=invoice, actor=actor)
    except (InvoiceNotOpen, NoGateway, ChargeExceedsAmountDue):
        return _see_other(here)
    try:
        address = services.checkout_address(
            charge=charge,
            invoice=invoice,
            return_to=f"{settings.PUBLIC_URL}{here}",
            door=link.id.hex,
            actor=actor,
        )
    except (GatewayUnavailable, GatewayMisconfigured) as error:
        log.warning("billing.no_payment_page", payment=charge.public_id, error=str(error))
        if isinstance(error, GatewayMisconfigured):
            set_aside.record_failure(BATCH_NAME, charge.public_id, str(error), row_id=charge.id)
        response = _show(request, link, token, status=503)
        response.headers["Retry-After"] = str(RETRY_AFTER)
        return response
    return _see_other(address or f"{here}?payment=done")


def _see_other(address: str) -> HttpResponse:
    response = HttpResponseRedirect(address)
    response.status_code = 303
    return response


def _show(request: Request, link: InvoiceLink, token: str, *, status: int = 200) -> HttpResponse:
    with tenant_context(link.tenant):
        invoice = selectors.list_invoices().get(id=link.invoice_id)
        context = {**_context(invoice), **_payment(invoice, request.GET.get("payment", "")), "token": token}
    context["is_unavailable"] = status == 503
    # Browsers also apply the page's policy to redirects of a form response.
    policy = {"form-action": [context["pays_at"]]} if context["can_pay"] else {}
    render_widened: Any = csp_update(policy)(render)  # type: ignore[arg-type]
    shown: HttpResponse = render_widened(request, HOSTED_PAGE, context, status=status)
    return shown


@never_cache
@require_safe
@_link_page
def pdf(request: Request, token: str) -> HttpResponse:
    """Return the invoice as a PDF."""
    link = _link_of(token)
    try:
        document = invoice_document(link.tenant, ids.encode("in", link.invoice_id))
    except TemporarilyUnavailable as busy:
        response = render(request, "503.html", status=503)
        response.headers["Retry-After"] = busy.headers["Retry-After"]
        return response
    return pdf_response(document)


def _payment(invoice: Invoice, returned: str) -> dict[str, Any]:
    """Return the status of a payment. How the payer returned (`returned`) only affects the wording."""
    last = selectors.last_checkout_of(invoice)
    state = last.status if last else ""
    if state == Charge.Status.PENDING:
        state = "processing" if returned == "done" else "open"
    elif invoice.amount_pending:
        state = "processing"
    elif state == Charge.Status.FAILED and not returned:
        state = ""  # A later visit starts anew.
    is_open = invoice.status == Invoice.Status.OPEN
    gateway = checkout_gateway(invoice) if is_open else None
    is_free = state == "open" or invoice.amount_pending == 0
    return {
        "payment": state,
        "returned": returned,
        "can_pay": gateway is not None and is_free,
        "pays_at": gateway.checkout_origin() if gateway else "",
        "paid_amount": last.amount if last else 0,
    }


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
        "tax_breakdown": with_percent(tax_breakdown(invoice, lines)),
        "is_overdue": invoice.is_overdue(clock.now().date()),
    }
