"""The overview: a company's next steps and key figures."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from allauth.mfa.models import Authenticator
from django.db.models import Exists, Q
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import resolve, reverse
from django.views.decorators.http import require_POST, require_safe

from accounts.access import CompanyRequest, company_page
from accounts.models import Company, Membership
from accounts.roles import Role, at_least
from accounts.services import show_first_steps
from apikeys.models import ApiKey, ApiKeyScopeUse
from apikeys.policy import key_violations, policy_of
from apikeys.selectors import list_keys
from audit.dashboard import charts
from audit.dashboard.periods import PERIODS
from audit.dimensions import usage_of
from audit.latency import RequestUsage
from audit.usage import merged
from billing.entitlements import current_limits
from billing.selectors import list_customers
from config.pages import checklist
from core import clock
from core.api.idempotency import has_idempotent_write
from core.tenancy import Tenant, require_tenant, tenant_context
from core.ui.reader_zone import zone_of
from core.values.latency import milliseconds_text
from webhooks.selectors import ENDPOINT_HEALTH, list_endpoints

MOST_KEYS_CHECKED = 200
MOST_SHOWN = 5


@company_page()
@require_safe
def overview_page(request: CompanyRequest) -> HttpResponse:
    """The first page after sign-in."""
    facts = gather_facts(request)
    role = request.membership.role
    steps = [_as_offered(step, role) for step in checklist.first_steps(facts)]
    checks = [_as_offered(check, role) for check in checklist.security_checklist(facts)]
    care = [_as_offered(check, role) for check in checklist.needs_care(facts)]
    limits = current_limits()
    span = PERIODS["7d"].span(facts.now, zone_of(request))
    week = usage_of(since=span.since, until=span.until, step=span.step)
    total = merged(week)
    requests = reverse("audit:requests")
    context = {
        "steps": steps,
        "steps_done": sum(step.state == "done" for step in steps),
        "steps_shown": request.membership.first_steps,
        "care": care,
        "checks": checks,
        "problems": sum(check.state == "problem" for check in checks),
        "stats": [
            {"label": "Requests, 7 days", "value": f"{total.requests:,}", "note": _refused(total)},
            {"label": "Response time", "value": _milliseconds(total), "note": "p95"},
            {"label": "Working keys", "value": len(facts.keys), "note": f"{request.mode} mode"},
            {
                "label": "Webhook endpoints",
                "value": facts.endpoints,
                "note": f"of {limits.webhook_endpoints}",
            },
        ],
        "charts": [
            charts.requests_chart(week, span, requests=requests),
            charts.latency_chart(week, span, requests=requests),
        ]
        if total.requests
        else [],
    }
    return render(request, "pages/overview.html", context)


@company_page()
@require_POST
def choose_first_steps(request: CompanyRequest) -> HttpResponse:
    """Open, collapse, dismiss or restore the first steps for this member, in both modes of the company."""
    show_first_steps(membership=request.membership, how=request.POST.get("how", ""))
    return redirect("pages:overview")


def _as_offered(check: checklist.Check, role: str) -> checklist.Check:
    """Return the check for a member with `role`, without its button if they may not use the view behind it."""
    if not check.url:
        return check
    view = resolve(check.done_at or check.url).func
    # The documentation and the user's profile require no role.
    if at_least(role, getattr(view, "least_role", Role.VIEWER)):
        return check
    return replace(check, url="", action="")


def _refused(total: RequestUsage) -> str:
    """Return the error rate as text."""
    if not total.requests:
        return "none yet"
    return f"{(total.client_errors + total.server_errors) / total.requests:.1%} with an error"


def _milliseconds(total: RequestUsage) -> str:
    found = total.percentile(0.95)
    return "–" if found is None else milliseconds_text(found)


def gather_facts(request: CompanyRequest) -> checklist.CompanyFacts:
    """Collect the inputs of the two lists in the current tenant."""
    now = clock.now()
    working = list_keys().filter(revoked_at=None).filter(Q(expires_at=None) | Q(expires_at__gt=now))
    keys = list(working[:MOST_KEYS_CHECKED])
    other = Tenant(request.membership.company_id, "test" if request.mode == "live" else "live")
    begun = _begun()
    if not begun.everything:
        with tenant_context(other):
            begun |= _begun()
    second_factor = Authenticator.objects.filter(user=request.user)
    policy = policy_of(request.membership.company)
    return checklist.CompanyFacts(
        now=now,
        mode=request.mode,
        keys=keys,
        scope_uses=_scope_uses(keys),
        ever=begun,
        endpoints=list_endpoints().count(),
        failing_endpoints=list(
            list_endpoints().filter(ENDPOINT_HEALTH["failing"] | ENDPOINT_HEALTH["given_up"])[:MOST_SHOWN]
        ),
        against_policy=[key for key in keys if key_violations(policy, key)],
        members=Membership.objects.count(),
        has_idempotent_write=has_idempotent_write(now),
        own_second_factor=second_factor.exclude(type=Authenticator.Type.RECOVERY_CODES).exists(),
    )


def _begun() -> checklist.SetupProgress:
    """What the current tenant has set up, in one query. Revoked keys and disabled endpoints count too."""
    keys = ApiKey.objects.all()
    asked = {
        "key": keys,
        "call": keys.filter(last_used_at__isnull=False),
        "customer": list_customers(),
        "endpoint": list_endpoints(),
    }
    company = Company.objects.filter(id=require_tenant().company_id)
    [found] = company.values_list(*(Exists(rows) for rows in asked.values()))
    return checklist.SetupProgress(**dict(zip(asked, found, strict=True)))


def _scope_uses(keys: Iterable[ApiKey]) -> dict[UUID, dict[str, datetime]]:
    uses: dict[UUID, dict[str, datetime]] = defaultdict(dict)
    rows = ApiKeyScopeUse.objects.filter(key__in=[key.id for key in keys])
    for key_id, scope, moment in rows.values_list("key_id", "scope", "last_used_at"):
        uses[key_id][scope] = moment
    return uses
