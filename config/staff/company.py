"""The page of one company on the staff site: its details, limits and usage, members, and history.

Each section is shown to staff who may open its list, and links to it. Viewing the page writes one entry to the company's trail.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from itertools import chain
from typing import Any

from django.contrib.admin import AdminSite
from django.db.models import Count, Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.text import capfirst

from accounts.models import Company, Membership
from apikeys.keys import MODES
from apikeys.models import ApiKey
from audit.models import AuditEntry, RequestLog, UsageRollup
from audit.outcomes import OK, SERVER_ERROR
from billing.entitlements import LIMIT_NAMES, limits_by_tier, limits_of
from billing.models import CompanyPlan, Invoice, TierRequest
from config.pages.plan import LIMIT_LABELS
from config.staff.permitted import admin_of
from config.staff.uses import uses_of
from core import clock
from core.events import EVENT_TYPES
from core.ui.staff import ActionButton, StaffListed, StaffViewed
from core.values.currencies import money_text
from messaging.models import CompanySenders
from webhooks.models import Endpoint

MOST_ROWS = 20
USAGE_DAYS = 30
MOMENT = "%Y-%m-%d %H:%M"
# Views by staff are in the trail too, but are not part of the company's history.
LOOKS = [StaffViewed.type, StaffListed.type]


@dataclass(frozen=True, slots=True)
class Section:
    """A table of the page. `address` is the URL of the complete list."""

    title: str
    headers: Sequence[str]
    rows: Sequence[Sequence[Any]]
    address: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class _Page:
    """The context shared by all sections."""

    site: AdminSite
    request: HttpRequest
    company: Company

    def admin_of(self, model: type[Model]) -> Any:
        """Return the admin of `model` if the staff member may view its objects, else None."""
        return admin_of(self.site, self.request, model)

    def all_of(self, model: type[Model]) -> str:
        """Return the URL of the list of the company's objects of `model`."""
        options = model._meta
        address = reverse(f"{self.site.name}:{options.app_label}_{options.model_name}_changelist")
        return f"{address}?q={self.company.public_id}"

    def link(self, row: Any, text: object) -> str:
        """Return a link to the page of `row`."""
        options = row._meta
        name = f"{self.site.name}:{options.app_label}_{options.model_name}_change"
        return format_html(
            '<a class="text-primary-600 dark:text-primary-500" href="{}">{}</a>',
            reverse(name, args=[row.pk]),
            text,
        )


def show(site: AdminSite, request: HttpRequest, object_id: str) -> HttpResponse:
    """Show the company, and record the view in its trail. Raises Http404, PermissionDenied."""
    companies: Any = site._registry[Company]  # noqa: SLF001
    company: Any = companies.record_view(request, object_id)
    if company is None:
        raise Http404
    page = _Page(site, request, company)
    context = {
        **site.each_context(request),
        "title": company.name,
        "company": company,
        "buttons": _buttons(page),
        "sections": [section for section in _sections(page) if section is not None],
        "opts": Company._meta,
    }
    return TemplateResponse(request, "staff/company.html", context)


def _buttons(page: _Page) -> list[ActionButton]:
    """Return the actions available to the staff member: on the company, its plan and its open tier request."""
    found = [*page.admin_of(Company).buttons_for(page.request, page.company)]
    for related in (CompanyPlan, CompanySenders):
        if other := page.admin_of(related):
            found += other.buttons_for(page.request, page.company)
    if wishes := page.admin_of(TierRequest):
        for wish in TierRequest.objects.filter(company=page.company, status=TierRequest.Status.OPEN):
            found += wishes.buttons_for(page.request, wish)
    return found


def _sections(page: _Page) -> Iterator[Section | None]:
    yield _limits(page)
    yield _of(page, TierRequest, _tier_requests)
    yield _of(page, Membership, _members)
    yield _of(page, ApiKey, _keys)
    yield _of(page, RequestLog, _usage)
    yield _of(page, Invoice, _invoices)
    yield _of(page, Endpoint, _endpoints)
    yield _of(page, AuditEntry, _history)


def _of(page: _Page, model: type[Model], make: Any) -> Section | None:
    return make(page) if page.admin_of(model) else None


def _limits(page: _Page) -> Section | None:
    if not page.admin_of(CompanyPlan):
        return None
    company = page.company
    tier, counted = asdict(limits_by_tier()[company.tier]), asdict(limits_of(company))
    used = uses_of(company)
    rows = [
        (
            LIMIT_LABELS[name],
            f"{counted[name]:,}",
            f"{tier[name]:,}",
            f"{company.limit_overrides[name]:,}" if name in company.limit_overrides else "",
            capfirst(used[name]),
        )
        for name in LIMIT_NAMES
    ]
    return Section(
        f"Limits ({company.get_tier_display()})",
        ("Limit", "In effect", "Tier", "Override", "Used (live)"),
        rows,
    )


def _tier_requests(page: _Page) -> Section | None:
    wishes = list(
        TierRequest.objects.filter(company=page.company).select_related("requested_by").order_by("-id")[:5]
    )
    if not wishes:
        return None
    rows = [
        (
            page.link(one, one.tier),
            one.get_status_display(),
            one.requested_by or "",
            one.note,
            f"{one.created:{MOMENT}}",
        )
        for one in wishes
    ]
    return Section(
        "Tier requests",
        ("Tier", "Status", "Requested by", "Note", "Requested (UTC)"),
        rows,
        page.all_of(TierRequest),
    )


def _members(page: _Page) -> Section:
    members = Membership.objects.filter(company=page.company).select_related("user").order_by("id")
    rows = [
        (
            page.link(one.user, one.user.email),
            one.user.name,
            one.get_role_display(),
            f"{one.user.last_login:{MOMENT}}" if one.user.last_login else "never",
        )
        for one in members[:MOST_ROWS]
    ]
    return Section(
        f"Members ({members.count()})",
        ("Email", "Name", "Role", "Last sign-in (UTC)"),
        rows,
        page.all_of(Membership),
    )


def _keys(page: _Page) -> Section:
    keys: QuerySet[ApiKey] = ApiKey.objects.filter(company=page.company, revoked_at=None)
    rows = [
        (
            page.link(key, key.name),
            key.get_mode_display(),
            key.get_kind_display(),
            f"{key.expires_at:%Y-%m-%d}" if key.expires_at else "never",
            f"{key.last_used_at:{MOMENT}}" if key.last_used_at else "never",
        )
        for key in keys.order_by("-id")[:MOST_ROWS]
    ]
    return Section(
        f"Keys that are not revoked ({keys.count()})",
        ("Name", "Mode", "Kind", "Expires", "Last used (UTC)"),
        rows,
        page.all_of(ApiKey),
    )


def _usage(page: _Page) -> Section:
    since = clock.now() - timedelta(days=USAGE_DAYS)
    rows = []
    for mode in MODES:
        days = UsageRollup.objects.filter(
            company=page.company, mode=mode, grain="day", dimension="all", value="", start__gte=since
        )
        counts = [sum(place) for place in zip(*days.values_list("outcomes", flat=True), strict=True)]
        if counts:
            total, ok, failed = sum(counts), counts[OK], counts[SERVER_ERROR]
            rows.append(
                (mode.capitalize(), f"{total:,}", f"{ok:,}", f"{total - ok - failed:,}", f"{failed:,}")
            )
    return Section(
        f"Requests, last {USAGE_DAYS} days",
        ("Mode", "Requests", "Successful", "Refused", "5xx"),
        rows,
        page.all_of(RequestLog),
    )


def _invoices(page: _Page) -> Section:
    invoices = Invoice.objects.filter(company=page.company)
    by_status = invoices.order_by("status").values_list("status").annotate(found=Count("id"))
    rows = [
        (
            page.link(one, one.number or "Draft"),
            one.get_mode_display(),
            one.get_status_display(),
            money_text(one.total, one.currency),
            f"{one.created:{MOMENT}}",
        )
        for one in invoices.order_by("-id")[:10]
    ]
    return Section(
        "Invoices",
        ("Number", "Mode", "Status", "Total", "Created (UTC)"),
        rows,
        page.all_of(Invoice),
        ", ".join(f"{found:,} {status}" for status, found in by_status),
    )


def _endpoints(page: _Page) -> Section:
    endpoints = Endpoint.objects.filter(company=page.company, deleted_at=None)
    rows = [
        (page.link(one, one.url), one.get_mode_display(), _health(one))
        for one in endpoints.order_by("-id")[:MOST_ROWS]
    ]
    return Section("Webhook endpoints", ("URL", "Mode", "Health"), rows, page.all_of(Endpoint))


def _health(endpoint: Endpoint) -> str:
    if not endpoint.enabled:
        return str(endpoint.get_disabled_reason_display())
    return f"Failing since {endpoint.failing_since:{MOMENT}}" if endpoint.failing_since else "Receives"


def _in_both_modes() -> list[str]:
    """Return the company-wide actions, which are also in the live trail."""
    return [name for name, event in EVENT_TYPES.items() if event.company_wide]


def _history(page: _Page) -> Section:
    # One mode at a time, each of which is a range of an index.
    newest = chain.from_iterable(
        AuditEntry.objects.filter(company=page.company, mode=mode)
        .exclude(action__in=LOOKS if mode == "live" else [*LOOKS, *_in_both_modes()])
        .order_by("-id")[:MOST_ROWS]
        for mode in MODES
    )
    entries = sorted(newest, key=lambda entry: entry.id, reverse=True)[:MOST_ROWS]
    rows = [
        (
            page.link(one, f"{one.created:{MOMENT}}"),
            one.get_mode_display(),
            one.action,
            one.actor_name,
            one.target_text,
        )
        for one in entries
    ]
    return Section("History", ("When (UTC)", "Mode", "What", "Who", "Target"), rows, page.all_of(AuditEntry))
