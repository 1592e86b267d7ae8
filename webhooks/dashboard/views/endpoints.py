"""Endpoints: list, create, show, edit, enable or disable, delete."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import CompanyRequest, company_page
from accounts.roles import Role, at_least
from accounts.sudo import recent_login_required
from billing.entitlements import current_limits
from core.errors import FieldErrors
from core.postgres.orders import NEWEST
from core.ui.lists import sort_rows
from core.ui.reader_zone import zone_of
from webhooks import representations, selectors
from webhooks.catalogue import CATALOGUE, TEST_EVENT
from webhooks.dashboard.charts import latency_chart, outcome_chart
from webhooks.dashboard.forms import EndpointForm, RecoverForm, TestForm
from webhooks.retry import RETRIED_FOR
from webhooks.samples import described_groups, sample_object, sample_payload
from webhooks.selectors.statistics import last_week, success_rates
from webhooks.services.deliveries import send_test
from webhooks.services.endpoints import create_endpoint, delete_endpoint, update_endpoint
from webhooks.services.errors import EndpointLimitReached

RECENT = 10
COLUMNS = {"url": "url", "created": "id"}


@company_page()
@require_safe
def endpoint_list(request: CompanyRequest) -> HttpResponse:
    """Every endpoint with its health, and how many more can be created."""
    endpoints = list(selectors.list_endpoints().order_by(NEWEST))
    rates = success_rates(endpoints)
    context = {
        "rows": [
            {"endpoint": each, "rate": _percent(rates[each.id])}
            for each in sort_rows(endpoints, request, columns=COLUMNS)
        ],
        "limit": current_limits().webhook_endpoints,
        "retried_for": RETRIED_FOR,
        "may_change": at_least(request.membership.role, Role.DEVELOPER),
    }
    return render(request, "webhooks/endpoint_list.html", context)


@company_page()
@require_safe
def event_list(request: CompanyRequest) -> HttpResponse:
    """Every event type with its payload. The event picker requests the payload alone and shows it inline."""
    chosen = request.GET.get("event", "")
    payload = sample_payload(chosen, mode=request.mode) if chosen in CATALOGUE else ""
    context = {"groups": described_groups(), "chosen": chosen if payload else "", "payload": payload}
    is_part = payload and request.headers.get("HX-Request") == "true"
    response = render(request, f"webhooks/event_{'payload' if is_part else 'list'}.html", context)
    patch_vary_headers(response, ["HX-Request"])
    return response


@recent_login_required
@company_page(role=Role.DEVELOPER)
@require_http_methods(["GET", "HEAD", "POST"])
def create(request: CompanyRequest) -> HttpResponse:
    """Create an endpoint. The response to the POST shows its secret."""
    form = EndpointForm(request.POST or None)
    if request.method != "POST" or not form.is_valid():
        return _form_page(request, form)
    try:
        endpoint, secret = create_endpoint(actor=request.principal, **form.cleaned_data)
    except FieldErrors as refusal:
        form.show_refusal(refusal)
        return _form_page(request, form)
    except EndpointLimitReached as refusal:
        form.add_error(None, f"{refusal.page_detail} {refusal.page_advice}")
        return _form_page(request, form)
    return show_secret(request, endpoint, secret, "created")


@company_page()
@require_safe
def detail(request: CompanyRequest, public_id: str) -> HttpResponse:
    """One endpoint: settings, charts of the last week, recent deliveries."""
    endpoint = selectors.get_endpoint(public_id)
    week = last_week(endpoint)
    recoveries = selectors.list_recoveries(endpoint)[:5]
    context = {
        "endpoint": endpoint,
        "shown": representations.endpoint(endpoint),
        "outcomes": outcome_chart(week, zone_of(request)),
        "latency": latency_chart(week, zone_of(request)),
        "deliveries": selectors.list_deliveries().filter(endpoint=endpoint).order_by(NEWEST)[:RECENT],
        "recoveries": recoveries,
        "is_recovering": any(job.status == job.Status.RUNNING for job in recoveries),
        "recover_form": RecoverForm(),
        "test_form": TestForm(),
        "retried_for": RETRIED_FOR,
        "may_change": at_least(request.membership.role, Role.DEVELOPER),
    }
    return render(request, "webhooks/endpoint_detail.html", context)


@recent_login_required
@company_page(role=Role.DEVELOPER)
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: CompanyRequest, public_id: str) -> HttpResponse:
    """Change an endpoint."""
    endpoint = selectors.get_endpoint(public_id)
    form = EndpointForm.for_endpoint(representations.endpoint(endpoint), request.POST or None)
    if request.method != "POST" or not form.is_valid():
        return _form_page(request, form, endpoint)
    try:
        update_endpoint(endpoint=endpoint, actor=request.principal, **form.cleaned_data)
    except FieldErrors as refusal:
        form.show_refusal(refusal)
        return _form_page(request, form, endpoint)
    messages.success(request, "The endpoint was updated.")
    return redirect("webhooks:detail", public_id)


@company_page(role=Role.DEVELOPER)
@require_POST
def switch(request: CompanyRequest, public_id: str) -> HttpResponse:
    """Enable or disable an endpoint."""
    endpoint = selectors.get_endpoint(public_id)
    enable = request.POST.get("enabled") == "true"
    update_endpoint(endpoint=endpoint, actor=request.principal, enabled=enable)
    messages.success(
        request,
        "The endpoint is enabled. Pending deliveries are being sent."
        if enable
        else "The endpoint is disabled. Pending deliveries are kept until it is enabled again.",
    )
    return redirect("webhooks:detail", public_id)


@company_page(role=Role.DEVELOPER)
@require_POST
def test(request: CompanyRequest, public_id: str) -> HttpResponse:
    """Send a test event (in test mode, a sample of any event) and redirect to its delivery. Raises FieldErrors."""
    endpoint = selectors.get_endpoint(public_id)
    form = TestForm(request.POST)
    if not form.is_valid():
        raise FieldErrors.of_form(form)
    kind = form.chosen()
    sample = None if kind == TEST_EVENT else sample_object(kind, mode=request.mode)
    delivery = send_test(endpoint=endpoint, actor=request.principal, event_type=kind, sample=sample)
    messages.info(request, "A test event is being sent; the response appears here automatically.")
    return redirect("webhooks:delivery", delivery.public_id)


@recent_login_required
@company_page(role=Role.DEVELOPER)
@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: CompanyRequest, public_id: str) -> HttpResponse:
    """Confirm, then delete an endpoint."""
    endpoint = selectors.get_endpoint(public_id)
    if request.method == "POST":
        delete_endpoint(endpoint=endpoint, actor=request.principal)
        messages.success(request, f"The endpoint {endpoint.url} was deleted.")
        return redirect("webhooks:list")
    return render(request, "webhooks/endpoint_delete.html", {"endpoint": endpoint})


def show_secret(request: CompanyRequest, endpoint: object, secret: str, why: str) -> HttpResponse:
    """Render the page that shows a secret, which must not be cached."""
    response = render(request, "webhooks/secret.html", {"endpoint": endpoint, "secret": secret, "why": why})
    response.headers["Cache-Control"] = "no-store"
    return response


def _form_page(request: CompanyRequest, form: EndpointForm, endpoint: object = None) -> HttpResponse:
    status = 422 if request.method == "POST" else 200
    return render(request, "webhooks/endpoint_form.html", {"form": form, "endpoint": endpoint}, status=status)


def _percent(rate: float | None) -> str:
    return "–" if rate is None else f"{rate:.1%}".replace("%", "\u00a0%")
