"""Changes the limits of a tier, by staff, for all companies on it, effective immediately.

Cached copies of a company's limits (a key's grant) are validated by the company's version, so changing a tier raises the
version of each of its companies. Creating a company or moving it to another tier locks the tiers, so that none misses a
change.
"""

from typing import Any

from django.db.models import F

from accounts.models import Company
from accounts.services.tier_lock import lock_tiers
from billing.entitlements import LIMIT_NAMES, Limits, as_numbers, limits_by_tier, limits_of
from billing.events import CompanyLimitsChanged, TierLimitsChanged
from billing.models import MAX_LIMIT, TierLimits
from billing.services.errors import TierUnchanged
from core import clock
from core.background import jobs
from core.errors import FieldError, FieldErrors
from core.events import publish, publish_unowned
from core.principal import Principal
from core.tenancy import system_context, tenant_context
from core.valkey import fences

# Tasks that notify the owners of what already exceeds a lower limit. They belong to apps that this one must not import, so they are
# enqueued by name, in the company's tenant.
_TASKS_WHEN_LOWER = {
    "requests_per_minute": "apikeys.notify_clamped_keys",
    "sms_spend_per_day": "messaging.notify_of_spent_days",
}


def set_tier_limits(
    *, tier: str, limits: dict[str, Any], reason: str, actor: Principal
) -> list[fences.Effect]:
    """Set the given limits of `tier`, keeping the others. Takes effect for its companies at the commit, in all processes.

    The change is recorded in the staff's audit trail and in that of every company whose effective limits change. The Effects
    (one per company) say after the commit whether all processes were reached. Raises FieldErrors, TierUnchanged.
    """
    problems = limit_problems(limits)
    if tier not in Company.Tiers.values:
        problems.append(FieldError("tier", "invalid", f"Use one of {', '.join(Company.Tiers.values)}."))
    if problems:
        raise FieldErrors(problems)
    with system_context(reason="the limits of a tier hold for every company on it"):
        lock_tiers(exclusively=True)
        before = as_numbers(limits_by_tier()[tier])
        after = {**before, **limits}
        changes = {name: [before[name], after[name]] for name in after if before[name] != after[name]}
        if not changes:
            raise TierUnchanged("The tier already has these limits.")
        TierLimits.objects.filter(tier=tier).update(**after, updated=clock.now())
        publish_unowned(
            TierLimitsChanged(object_id=tier, changes=changes, detail={"reason": reason}), actor=actor
        )
        companies = list(Company.objects.filter(tier=tier).order_by("id"))
        for company in companies:
            _record_change_of(company, before, after, reason=reason, actor=actor)
        Company.objects.filter(tier=tier).update(version=F("version") + 1)
        versions = Company.objects.filter(tier=tier).values_list("id", "version")
        return [
            fences.raise_after_commit(fences.company_fence(company_id), version)
            for company_id, version in versions
        ]


def limit_problems(limits: dict[str, Any]) -> list[FieldError]:
    """Return the errors in the given limits: unknown names, and numbers out of range."""
    problems = [
        FieldError(name, "invalid", f"Use a whole number from 0 to {MAX_LIMIT}.")
        for name, value in limits.items()
        if name in LIMIT_NAMES
        and not (isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_LIMIT)
    ]
    return problems + [
        FieldError(name, "unknown_field", "This is not a limit.")
        for name in limits
        if name not in LIMIT_NAMES
    ]


def _record_change_of(
    company: Company, before: dict[str, int], after: dict[str, int], *, reason: str, actor: Principal
) -> None:
    """Record the changes of this company's effective limits in its audit trail; limits overridden by staff do not change."""
    old, new = (limits_of(company, tier=numbers) for numbers in (before, after))
    was = as_numbers(old)
    changes = {name: [was[name], now] for name, now in as_numbers(new).items() if was[name] != now}
    if not changes:
        return
    with tenant_context(company.live_tenant):
        publish(
            CompanyLimitsChanged(object_id=company.public_id, changes=changes, detail={"reason": reason}),
            actor=actor,
        )
        notify_of_lower_limits(old, new)


def notify_of_lower_limits(before: Limits, after: Limits) -> None:
    """Notify the owners of what already exceeds the current limits. Call it in the company's tenant."""
    for name, task in _TASKS_WHEN_LOWER.items():
        if getattr(after, name) < getattr(before, name):
            jobs.enqueue(task)
