"""Sender pages: domains and their DNS records, SMS numbers and names, SMS countries, and the SMS spend cap."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import CompanyRequest, company_page
from accounts.roles import Role, at_least
from core import clock
from core.errors import DomainError, FieldErrors, is_allowed
from core.postgres.orders import NEWEST
from core.tenancy import Tenant
from core.ui.lists import sort_rows
from core.ui.waiting import render_waiting
from messaging import representations, services
from messaging.dashboard.forms import AppealForm, CountriesForm, DomainForm, SmsSenderForm, SpendForm
from messaging.dashboard.reputation import show_reputation
from messaging.selectors import senders as selectors
from messaging.services.domain_checks import LAPSES_AFTER
from messaging.services.sms_senders import allowed_countries
from messaging.services.spend_caps import (
    SmsPricesUnknown,
    amount_text,
    require_spend_cap,
    spend_on,
    stale_cap,
)
from messaging.verification import records_of

DOMAIN_COLUMNS = {"domain": "domain", "checked": "checked_at"}
SMS_COLUMNS = {"sender": "sender", "requested": "id"}
PURPOSES = {
    "challenge": "Proves that the domain is yours",
    "dkim": "Signs your mail (DKIM)",
    "spf": "Lets our servers send for you (SPF)",
    "return_path": "Returns bounces under your own domain",
    "dmarc": "Tells receivers what to do with mail that is not signed (DMARC)",
}
STATES = {
    "unchecked": ("not checked yet", "muted"),
    "found": ("found", "ok"),
    "missing": ("missing", "warn"),
    "differs": ("differs", "danger"),
    "unreachable": ("no answer", "warn"),
}


@company_page()
@require_safe
def sender_list(request: CompanyRequest) -> HttpResponse:
    """List the senders."""
    return _page(request)


class _DomainRequest(CompanyRequest):
    """The request of the page that adds a domain, for type checkers."""

    domain_keys: Sequence[tuple[str, str]]


def _prepare_keys(request: CompanyRequest) -> None:
    """Generate the keys of the domain in the form before its transaction, because that takes tenths of a second."""
    if request.method == "POST":
        cast(_DomainRequest, request).domain_keys = services.prepare_keys(
            tenant=Tenant(request.membership.company_id, request.mode), domain=request.POST.get("domain", "")
        )


@company_page(role=Role.ADMIN, first=_prepare_keys)
@require_POST
def add_domain(request: _DomainRequest) -> HttpResponse:
    """Add a domain, and show the records to set."""
    form = DomainForm(request.POST)
    if form.is_valid():
        try:
            row = services.add_domain(actor=request.principal, keys=request.domain_keys, **form.cleaned_data)
        except FieldErrors as refusal:
            form.show_refusal(refusal)
        except DomainError as refusal:
            form.add_error("domain", refusal.page_detail)
        else:
            messages.success(request, f"{row.domain} was added. Set these records at its DNS provider.")
            return redirect("messaging:sender_domain", row.public_id)
    return _page(request, domain_form=form, status=400)


@company_page()
@require_safe
def domain_detail(request: CompanyRequest, public_id: str) -> HttpResponse:
    """Show a domain and its DNS records with the result of their check."""
    row = selectors.get_domain(public_id)
    keys = list(row.keys.order_by("id"))
    records = [representations.sender_record(row, record) for record in records_of(row, keys)]
    context = {
        "domain": row,
        "records": [
            {
                **record,
                "name_id": f"name-{number}",
                "value_id": f"value-{number}",
                "what": PURPOSES[record["purpose"]],
                "state": STATES[record["status"]][0],
                "tone": STATES[record["status"]][1],
            }
            for number, record in enumerate(records, 1)
        ],
        "lapses_at": row.failing_since + LAPSES_AFTER if row.failing_since else None,
        "may_change": at_least(request.membership.role, Role.ADMIN),
        "is_waiting": row.next_check_at is not None and row.next_check_at <= clock.now(),
        "may_rotate": is_allowed(services.check_rotate_key, keys),
    }
    return render_waiting(request, "messaging/sender_domain.html", context)


@company_page(role=Role.ADMIN)
@require_POST
def verify(request: CompanyRequest, public_id: str) -> HttpResponse:
    """Request a check of the DNS records."""
    row = services.request_check(domain=selectors.get_domain(public_id))
    messages.info(request, "Checking the records; the result appears here automatically.")
    return redirect("messaging:sender_domain", row.public_id)


def _prepare_key(request: CompanyRequest) -> None:
    """Generate the new key of the page's domain before its transaction: see `_prepare_keys`."""
    if request.method == "POST" and at_least(request.membership.role, Role.ADMIN):
        assert request.resolver_match is not None
        cast(_DomainRequest, request).domain_keys = services.prepare_key(
            tenant=Tenant(request.membership.company_id, request.mode),
            public_id=request.resolver_match.kwargs["public_id"],
        )


@company_page(role=Role.ADMIN, first=_prepare_key)
@require_http_methods(["GET", "HEAD", "POST"])
def rotate_key(request: _DomainRequest, public_id: str) -> HttpResponse:
    """Rotate the signing key of a domain, after confirmation."""
    row = selectors.get_domain(public_id)
    if request.method != "POST":
        services.check_rotate_key(list(row.keys.order_by("id")))
        return render(request, "messaging/sender_rotate.html", {"domain": row})
    services.rotate_key(domain=row, actor=request.principal, keys=request.domain_keys)
    messages.success(request, "The second key is now the signing key. Set the record of the new one.")
    return redirect("messaging:sender_domain", row.public_id)


@company_page(role=Role.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def remove_domain(request: CompanyRequest, public_id: str) -> HttpResponse:
    """Remove a domain, after confirmation."""
    row = selectors.get_domain(public_id)
    if request.method != "POST":
        text = (
            "You can no longer send from it, and messages from it that are still queued fail. To use it "
            "again, you add it again with new DNS records."
        )
        return render(request, "messaging/sender_remove.html", {"name": row.domain, "text": text})
    name = row.domain
    services.delete_domain(domain=row, actor=request.principal)
    messages.success(request, f"{name} was removed.")
    return redirect("messaging:senders")


@company_page(role=Role.ADMIN)
@require_POST
def claim_sms(request: CompanyRequest) -> HttpResponse:
    """Request a number or name."""
    form = SmsSenderForm(request.POST)
    if form.is_valid():
        try:
            row = services.claim_sms_sender(actor=request.principal, **form.cleaned_data)
        except FieldErrors as refusal:
            form.show_refusal(refusal)
        except DomainError as refusal:
            form.add_error("sender", refusal.page_detail)
        else:
            messages.success(request, f"You requested {row.sender}. It can be used once staff approve it.")
            return redirect("messaging:senders")
    return _page(request, sms_form=form, status=400)


@company_page(role=Role.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def remove_sms(request: CompanyRequest, public_id: str) -> HttpResponse:
    """Remove an SMS sender, after confirmation."""
    row = selectors.get_sms_sender(public_id)
    if request.method != "POST":
        text = "You can no longer send SMS from it, and those that are still queued fail."
        return render(request, "messaging/sender_remove.html", {"name": row.sender, "text": text})
    name = row.sender
    services.delete_sms_sender(sender=row, actor=request.principal)
    messages.success(request, f"{name} was removed.")
    return redirect("messaging:senders")


@company_page(role=Role.ADMIN)
@require_POST
def countries(request: CompanyRequest) -> HttpResponse:
    """Select the countries that SMS can be sent to."""
    form = CountriesForm(request.POST)
    if form.is_valid():
        try:
            row = services.choose_countries(actor=request.principal, **form.cleaned_data)
        except FieldErrors as refusal:
            form.show_refusal(refusal)
        else:
            messages.success(request, f"SMS can be sent to: {', '.join(row.countries) or 'no country'}.")
            return redirect("messaging:senders")
    return _page(request, countries_form=form, status=400)


@company_page(role=Role.OWNER)
@require_POST
def spend(request: CompanyRequest) -> HttpResponse:
    """Set the daily spend cap for SMS."""
    try:
        cap = require_spend_cap()
    except SmsPricesUnknown as refusal:  # the page shows no form in this case
        messages.info(request, f"{refusal.page_detail} {refusal.page_advice}")
        return redirect("messaging:senders")
    form = SpendForm(request.POST, cap=cap)
    if form.is_valid():
        try:
            row = services.set_spend_cap(actor=request.principal, **form.cleaned_data)
        except FieldErrors as refusal:
            form.show_refusal(refusal)
        else:
            most = (
                f"at most {amount_text(row.amount, row.currency)} a day" if row else "what your plan allows"
            )
            messages.success(request, f"SMS may cost {most}.")
            return redirect("messaging:senders")
    return _page(request, spend_form=form, status=400)


@company_page(role=Role.ADMIN)
@require_POST
def appeal(request: CompanyRequest) -> HttpResponse:
    """Ask staff to lift the limits caused by a bad reputation."""
    form = AppealForm(request.POST)
    if form.is_valid():
        try:
            services.appeal_reputation(reason=form.cleaned_data["appeal_reason"], actor=request.principal)
        except DomainError as refusal:  # lifted in the meantime, so the page no longer shows a form
            messages.info(request, f"{refusal.page_detail} {refusal.page_advice}")
            return redirect("messaging:senders")
        else:
            messages.success(request, "Staff will review it. Their response appears here.")
            return redirect("messaging:senders")
    return _page(request, appeal_form=form, status=400)


def _page(
    request: CompanyRequest,
    *,
    domain_form: DomainForm | None = None,
    sms_form: SmsSenderForm | None = None,
    countries_form: CountriesForm | None = None,
    appeal_form: AppealForm | None = None,
    spend_form: SpendForm | None = None,
    status: int = 200,
) -> HttpResponse:
    chosen = " ".join(sorted(allowed_countries()))
    may_change = at_least(request.membership.role, Role.ADMIN)
    spent = spend_on(clock.now().date())
    if spent and spend_form is None and at_least(request.membership.role, Role.OWNER):
        spend_form = SpendForm(cap=spent.cap)
    context: dict[str, Any] = {
        **show_reputation(),
        "appeal_form": (appeal_form or AppealForm()) if may_change else None,
        "domains": sort_rows(selectors.list_domains().order_by(NEWEST), request, columns=DOMAIN_COLUMNS),
        "sms_senders": sort_rows(selectors.list_sms_senders(), request, columns=SMS_COLUMNS),
        "domain_form": domain_form or DomainForm(),
        "sms_form": sms_form or SmsSenderForm(),
        "countries_form": countries_form or CountriesForm(initial={"countries": chosen}),
        "countries": chosen,
        "spend": spent,
        "spend_form": spend_form,
        "stale_cap": stale_cap(),
        "may_change": may_change,
    }
    return render(request, "messaging/sender_list.html", context, status=status)
