"""Which bodies of requests a company has kept: the settings, and what the page of a request shows."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import CompanyRequest, company_page
from accounts.models import Company
from accounts.roles import Role, at_least
from accounts.selectors import current_company
from accounts.services.request_bodies import are_kept, keep_bodies, stop_keeping_bodies
from accounts.sudo import recent_login_required
from audit import services
from audit.kept import KEPT_FOR, KeptBody
from audit.models import RequestLog
from audit.selectors import find_bodies
from core import clock
from core.principal import Mode
from core.security.crypto import Undecryptable
from core.values.secret_fields import ENDINGS, EXACT_NAMES

# By then a request's bodies have been written, if they are.
_WRITTEN_AFTER = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Choice:
    """What a company has chosen for one mode, for the settings page."""

    mode: Mode
    is_on: bool
    until: datetime | None
    # Whether some may still be there to be deleted.
    has_kept: bool


@recent_login_required
@company_page(role=Role.ADMIN)
@require_safe
def bodies_page(request: CompanyRequest) -> HttpResponse:
    """Whether bodies of requests are kept, in both modes."""
    company, now = current_company(), clock.now()
    context = {
        "company": company,
        "test": _choice(company, "test", now),
        "live": _choice(company, "live", now),
        "exact_names": EXACT_NAMES,
        "endings": ENDINGS,
    }
    return render(request, "audit/bodies.html", context)


def _choice(company: Company, mode: Mode, now: datetime) -> Choice:
    since, until = company.bodies_period(mode)
    is_on = are_kept(company, mode, now)
    has_kept = since is not None and (until is None or now < until + KEPT_FOR[mode])
    return Choice(mode, is_on, until, has_kept)


@recent_login_required
@company_page(role=Role.ADMIN)
@require_POST
def keep(request: CompanyRequest, mode: Mode) -> HttpResponse:
    """Keep bodies of requests in `mode`, in live mode for 24 hours from now."""
    keep_bodies(company=current_company(), mode=mode, actor=request.principal)
    lasts = "for 24 hours" if mode == "live" else "from now on"
    messages.success(request, f"Bodies of requests in {mode} mode are kept {lasts}.")
    return redirect("audit:bodies")


@recent_login_required
@company_page(role=Role.ADMIN)
@require_POST
def stop(request: CompanyRequest, mode: Mode) -> HttpResponse:
    """Keep no more bodies of requests in `mode`; those that are kept expire."""
    stop_keeping_bodies(company=current_company(), mode=mode, delete=False, actor=request.principal)
    messages.success(request, f"Bodies of requests in {mode} mode are no longer kept.")
    return redirect("audit:bodies")


@recent_login_required
@company_page(role=Role.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: CompanyRequest, mode: Mode) -> HttpResponse:
    """Keep no more bodies of requests in `mode`, and delete those that are kept."""
    if request.method != "POST":
        return render(request, "audit/bodies_delete.html", {"of_mode": mode})
    services.delete_bodies(company=current_company(), mode=mode, actor=request.principal)
    messages.success(
        request, f"Bodies of requests in {mode} mode are no longer kept. Those there were are deleted."
    )
    return redirect("audit:bodies")


@dataclass(frozen=True, slots=True)
class Shown:
    """The bodies on the page of a request: what is kept of them, or why nothing is (`state`), and until when."""

    state: str
    moment: datetime | None = None
    request: KeptBody | None = None
    response: KeptBody | None = None
    lasts: str = ""
    may_choose: bool = False


def shown_bodies(request: CompanyRequest, log: RequestLog) -> Shown:
    """Return what the page of a request shows of its bodies to this member."""
    if not at_least(request.membership.role, Role.DEVELOPER):
        return Shown("role")
    row = find_bodies(log)
    if row is None:
        return _missing(log, may_choose=at_least(request.membership.role, Role.ADMIN))
    try:
        sides: dict[str, Any] = {
            "request": KeptBody.read(bytes(row.request)),
            "response": KeptBody.read(bytes(row.response)),
        }
    except Undecryptable:
        return Shown("unreadable")
    return Shown("kept", row.expires_at, **sides)


def _missing(log: RequestLog, *, may_choose: bool) -> Shown:
    company, now, arrived = current_company(), clock.now(), log.arrived
    mode: Mode = "test" if log.mode == "test" else "live"
    since, until = company.bodies_period(mode)
    lasts = "24 hours" if mode == "live" else "7 days"
    if arrived < now - KEPT_FOR[mode]:
        state, moment = "expired", None
    elif since is None:
        state, moment = "off", None
    elif arrived < since:
        state, moment = "before", since
    elif until is not None and arrived >= until:
        state, moment = "after", until
    elif arrived > now - _WRITTEN_AFTER:
        state, moment = "soon", None
    else:
        state, moment = "nothing", None
    return Shown(state, moment, lasts=lasts, may_choose=may_choose)
