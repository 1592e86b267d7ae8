"""The plan: the company's tier, its limits and usage, and requests for another tier."""

from math import ceil
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounts.access import CompanyRequest, company_page
from accounts.models import Company
from accounts.roles import Role, at_least
from accounts.selectors import current_company
from apikeys.grants import shared_bucket
from apikeys.models import ApiKey
from apikeys.selectors import list_keys
from audit.dashboard.periods import PERIODS
from audit.dimensions import usage_of
from billing.entitlements import Limits, limits_by_tier, limits_of
from billing.selectors import list_tier_requests, open_tier_request
from billing.services import request_tier, withdraw_tier_request
from core import clock
from core.api.throttling import RatePolicy, take_one
from core.errors import DomainError, NotFound
from core.principal import Mode
from core.tenancy import Tenant, tenant_context
from core.valkey.commands import ValkeyUnavailable
from messaging.selectors.usage import usage_of_day
from webhooks.selectors import list_endpoints

MOST_KEYS_SHOWN = 50
# Labels of the limits in billing.entitlements.Limits.
LIMIT_LABELS = {
    "requests_per_minute": "Requests a minute",
    "messages_per_minute": "Calls to send messages a minute",
    "email_per_day": "Email recipients a day",
    "sms_per_day": "SMS recipients a day",
    "webhook_endpoints": "Webhook endpoints",
    "sms_spend_per_day": f"What SMS may cost a day ({settings.SMS_PRICE_CURRENCY})",
}
# The limits per minute: the policy that counts each of them, and the label of its bar.
RATES = {
    "requests_per_minute": ("company", "Requests, last minute"),
    "messages_per_minute": ("messages", "Calls to send messages, last minute"),
}


class TierRequestForm(forms.Form):
    """Requests another tier."""

    tier = forms.ChoiceField(label="Tier")
    note = forms.CharField(
        max_length=1000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Anything that helps the decision, such as your expected volume.",
    )

    def __init__(self, *args: object, company: Company, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.fields["tier"].choices = [  # type: ignore[attr-defined]
            choice for choice in Company.Tiers.choices if choice[0] != company.tier
        ]


@company_page()
@require_safe
def plan_page(request: CompanyRequest) -> HttpResponse:
    """The tier, its limits and their usage."""
    company = current_company()
    return _render(request, TierRequestForm(company=company))


@company_page(role=Role.OWNER)
@require_POST
def ask(request: CompanyRequest) -> HttpResponse:
    """Ask staff for another tier."""
    company = current_company()
    form = TierRequestForm(request.POST, company=company)
    if form.is_valid():
        try:
            request_tier(
                company=company, actor=request.principal, requested_by=request.user, **form.cleaned_data
            )
        except DomainError as refusal:
            form.add_error(None, refusal.page_detail)
        else:
            messages.success(request, "Your request was sent to the operator of this platform.")
            return redirect("pages:plan")
    return _render(request, form)


@company_page(role=Role.OWNER)
@require_POST
def withdraw(request: CompanyRequest) -> HttpResponse:
    """Withdraw the open request."""
    wanted = open_tier_request()
    if wanted is None:
        raise NotFound
    withdraw_tier_request(request=wanted, actor=request.principal)
    messages.success(request, "The request was withdrawn.")
    return redirect("pages:plan")


def _render(request: CompanyRequest, form: TierRequestForm) -> HttpResponse:
    company = current_company()
    tiers = limits_by_tier()
    limits = limits_of(company)
    rates = used_last_minute(request.membership.company_id, request.mode, limits)
    meters = [
        {"label": RATES[name][1], "used": used, "limit": getattr(limits, name)}
        for name, used in (rates or {}).items()
    ]
    meters += [
        {
            "label": f"{usage.label} recipients today",
            "used": usage.used,
            "limit": usage.cap,
        }
        for usage in usage_of_day(clock.now().date())
    ]
    meters.append(
        {"label": "Webhook endpoints", "used": list_endpoints().count(), "limit": limits.webhook_endpoints}
    )
    context = {
        "company": company,
        "tiers": Company.Tiers.choices,
        "rows": [
            {
                "label": label,
                "own": getattr(limits, name),
                "is_overridden": name in company.limit_overrides,
                "tiers": [getattr(tiers[tier], name) for tier in Company.Tiers.values],
            }
            for name, label in LIMIT_LABELS.items()
        ],
        "meters": meters,
        "rates_known": rates is not None,
        "busiest": _busiest_hour(),
        "limits": limits,
        "clamped": _clamped_keys(request, limits),
        "open_request": open_tier_request(),
        "requests": list_tier_requests(),
        "form": form,
        "is_owner": at_least(request.membership.role, Role.OWNER),
    }
    return render(request, "pages/plan.html", context, status=422 if form.errors else 200)


def _clamped_keys(request: CompanyRequest, limits: Limits) -> list[ApiKey]:
    """Return the keys in both modes whose limit exceeds the plan's."""
    found: list[ApiKey] = []
    other: Mode = "test" if request.mode == "live" else "live"
    for mode in (request.mode, other):
        with tenant_context(Tenant(request.membership.company_id, mode)):
            keys = list_keys().filter(revoked_at=None, rate_limit__gt=limits.requests_per_minute)
            found += keys[:MOST_KEYS_SHOWN]
    return found


def used_last_minute(company_id: UUID, mode: Mode, limits: Limits) -> dict[str, int] | None:
    """Return the current usage of the limits per minute, by name, from their buckets; None if Valkey is unreachable.

    Tokens are refilled within a minute, so the used ones are approximately the last minute's requests.
    """
    found = {}
    for name, (policy_name, _) in RATES.items():
        policy = RatePolicy(policy_name, getattr(limits, name))
        try:
            _, taken = take_one(shared_bucket(company_id, policy_name, mode), policy, tokens=0)
        except ValkeyUnavailable:
            return None
        found[name] = min(ceil(taken / policy.interval), policy.quota)
    return found


def _busiest_hour() -> int:
    """Return the average requests per minute in the busiest hour of the last day, from the hourly roll-ups."""
    span = PERIODS["24h"].span(clock.now())
    hours = usage_of(since=span.since, until=span.until, step=span.step)
    return ceil(max((hour.requests for hour in hours), default=0) / 60)
