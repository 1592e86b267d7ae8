"""What a company's tier allows. The one place that knows limits (DESIGN §6, §12)."""

import uuid
from dataclasses import dataclass, fields, replace
from typing import Any

from accounts.models import Company
from core.tenancy import system_context


@dataclass(frozen=True, slots=True)
class Limits:
    """The numbers of a tier, with staff's overrides for one company applied."""

    requests_per_minute: int
    messages_per_minute: int
    email_per_day: int
    sms_per_day: int
    webhook_endpoints: int


# What staff may set a single limit to.
MAX_LIMIT = 1_000_000_000

TIERS: dict[str, Limits] = {
    "starter": Limits(60, 10, 200, 50, 5),
    "pro": Limits(300, 60, 5_000, 1_000, 20),
    "enterprise": Limits(1_000, 200, 100_000, 20_000, 100),
}
LIMIT_NAMES = tuple(field.name for field in fields(Limits))


@dataclass(frozen=True, slots=True)
class Entitlements:
    """What the request pipeline must know of a company: its limits, whether it is suspended, and the version of both."""

    company_id: uuid.UUID
    tier: str
    limits: Limits
    version: int
    suspended: bool


def limits_of(company: Company) -> Limits:
    """Return the limits of `company`: its tier's, with staff's overrides."""
    overrides: dict[str, Any] = {
        name: value for name, value in company.limit_overrides.items() if name in LIMIT_NAMES
    }
    return replace(TIERS[company.tier], **overrides)


def entitlements_of(company_id: uuid.UUID) -> Entitlements:
    """Read a company's entitlements from PostgreSQL, before its tenant is known."""
    with system_context(reason="entitlements of a key's company"):
        company = Company.objects.get(id=company_id)
    return Entitlements(
        company_id=company.id,
        tier=company.tier,
        limits=limits_of(company),
        version=company.version,
        suspended=company.suspended_at is not None,
    )
