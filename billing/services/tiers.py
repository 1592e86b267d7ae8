"""A company's tier: owners request a change, staff apply it, and staff may override a company's limits.

Every change raises the company's version and, with it, the fence in Valkey, so that no process continues with the old
limits (docs/architecture.md, Keys).
"""

from typing import Any

from django.db.models import F

from accounts.models import Company, User
from accounts.roles import Role
from accounts.selectors import owner_emails, role_of
from accounts.services.tier_lock import lock_tiers
from billing.entitlements import limits_of
from billing.events import (
    LimitsOverridden,
    TierChanged,
    TierRequestDeclined,
    TierRequested,
    TierRequestWithdrawn,
)
from billing.models import TierRequest
from billing.services.errors import RequesterIsNoOwner, TierRequestClosed, TierRequestOpen, TierUnchanged
from billing.services.tier_limits import limit_problems, notify_of_lower_limits
from core import clock
from core.errors import FieldError, FieldErrors, NotFound
from core.events import publish
from core.mail.decisions import mail_decision
from core.postgres.failures import refusing
from core.principal import Principal
from core.tenancy import tenant_context
from core.valkey import fences

_OPEN_ONCE = "billing_tierrequest_open_once"


def request_tier(
    *, company: Company, tier: str, actor: Principal, requested_by: User | None = None, note: str = ""
) -> TierRequest:
    """Request another tier from staff. Raises FieldErrors, TierUnchanged, TierRequestOpen."""
    _check_tier(tier)
    if tier == company.tier:
        raise TierUnchanged(f"The company is already on {tier}.")
    with refusing(_OPEN_ONCE, lambda: TierRequestOpen("A request has not been decided yet.")):
        request: TierRequest = TierRequest.objects.create(tier=tier, note=note, requested_by=requested_by)
    publish(
        TierRequested(object_id=company.public_id, detail={"tier": tier, "now": company.tier, "note": note}),
        actor=actor,
    )
    return request


def withdraw_tier_request(*, request: TierRequest, actor: Principal) -> TierRequest:
    """Withdraw the request. Raises TierRequestClosed."""
    request = _close(request, TierRequest.Status.WITHDRAWN, "")
    publish(
        TierRequestWithdrawn(object_id=request.company.public_id, detail={"tier": request.tier}), actor=actor
    )
    return request


def apply_tier_request(*, request: TierRequest, reason: str, actor: Principal) -> fences.Effect:
    """Apply the requested tier and notify the requester by email. Raises TierRequestClosed, TierUnchanged, RequesterIsNoOwner."""
    with tenant_context(request.company.live_tenant):
        if request.requested_by_id and role_of(request.requested_by_id) != Role.OWNER:
            raise RequesterIsNoOwner("The requester no longer owns the company.")
        request = _close(request, TierRequest.Status.APPLIED, reason)
        effect = change_tier(company=request.company, tier=request.tier, reason=reason, actor=actor)
        _mail_decision(request, f"{request.company.name} is on the {request.tier} tier", reason)
        return effect


def decline_tier_request(*, request: TierRequest, reason: str, actor: Principal) -> TierRequest:
    """Decline a request; the company sees the reason, and the requester is notified by email. Raises TierRequestClosed."""
    with tenant_context(request.company.live_tenant):
        request = _close(request, TierRequest.Status.DECLINED, reason)
        publish(
            TierRequestDeclined(
                object_id=request.company.public_id, detail={"tier": request.tier, "reason": reason}
            ),
            actor=actor,
        )
        _mail_decision(request, f"Your request for the {request.tier} tier was declined", reason)
    return request


def change_tier(*, company: Company, tier: str, reason: str, actor: Principal) -> fences.Effect:
    """Move the company to `tier`, effective immediately; the Effect says after the commit whether all processes were reached.

    Raises FieldErrors, TierUnchanged.
    """
    _check_tier(tier)
    with tenant_context(company.live_tenant):
        lock_tiers()
        company = _lock(company)
        if company.tier == tier:
            raise TierUnchanged(f"The company is already on {tier}.")
        before, limits_before = company.tier, limits_of(company)
        company.tier = tier
        effect = _save(company, "tier")
        publish(
            TierChanged(
                object_id=company.public_id, changes={"tier": [before, tier]}, detail={"reason": reason}
            ),
            actor=actor,
        )
        notify_of_lower_limits(limits_before, limits_of(company))
    return effect


def override_limits(
    *, company: Company, overrides: dict[str, Any], reason: str, actor: Principal
) -> fences.Effect:
    """Replace the company's limit overrides, effective immediately (names of Limits; an empty dict means the tier's limits).

    Raises FieldErrors for an unknown limit, or a number below 0 or above MAX_LIMIT.
    """
    if problems := limit_problems(overrides):
        raise FieldErrors(problems)
    with tenant_context(company.live_tenant):
        lock_tiers()
        company = _lock(company)
        before, limits_before = company.limit_overrides, limits_of(company)
        company.limit_overrides = overrides
        effect = _save(company, "limit_overrides")
        publish(
            LimitsOverridden(
                object_id=company.public_id,
                changes={"limit_overrides": [before, overrides]},
                detail={"reason": reason},
            ),
            actor=actor,
        )
        notify_of_lower_limits(limits_before, limits_of(company))
    return effect


def _check_tier(tier: str) -> None:
    if tier not in Company.Tiers.values:
        raise FieldErrors([FieldError("tier", "invalid", f"Use one of {', '.join(Company.Tiers.values)}.")])


def _mail_decision(request: TierRequest, subject: str, reason: str) -> None:
    """Notify the requester, or the owners if the requester is no longer one of them."""
    asked = request.requested_by
    still_owner = asked is not None and role_of(asked.id) == Role.OWNER
    mail_decision(
        to=[asked.email] if asked is not None and still_owner else owner_emails(),
        subject=subject,
        text=f"{request.company.name} asked for the {request.tier} tier. It was {request.get_status_display().lower()}.",
        reason=reason,
        company_name=request.company.name,
        page="/plan/",
        label="Open the plan",
    )


def _lock(company: Company) -> Company:
    return Company.objects.select_for_update(no_key=True).get(id=company.id)


def _save(company: Company, field: str) -> fences.Effect:
    company.version = F("version") + 1
    company.save(update_fields=[field, "version"])
    company.refresh_from_db(fields=["version"])
    return fences.raise_after_commit(fences.company_fence(company.id), company.version)


def _close(request: TierRequest, status: str, note: str) -> TierRequest:
    try:
        request = (
            TierRequest.objects.select_for_update(no_key=True, of=("self",))
            .select_related("company")
            .get(id=request.id)
        )
    except TierRequest.DoesNotExist as error:
        raise NotFound from error
    if request.status != TierRequest.Status.OPEN:
        raise TierRequestClosed(f"The request was {request.status}.", facts={"status": request.status})
    request.status, request.decision_note, request.decided_at = status, note, clock.now()
    request.save(update_fields=["status", "decision_note", "decided_at"])
    return request
