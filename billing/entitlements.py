"""The limits of a company's tier. The only module that knows limits (docs/architecture.md, Limits and Billing).

The limits of the tiers are rows (`billing.models.TierLimits`) that only this module reads; staff change them with
`billing.services.set_tier_limits`, which raises the version of every company on the tier, as an override of a single company's
limits does. So a cached copy of a company's limits is stale exactly when the company's version has changed, and its holder (a key's
grant) needs no SQL.
"""

import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from functools import cache
from typing import Any

import orjson
from django.db import connection
from django.db.models import JSONField, OuterRef, Subquery
from django.db.models.functions import JSONObject

from accounts.models import Company
from billing.models import TierLimits
from core.tenancy import require_tenant, system_context


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of a tier, with the overrides of a company applied."""

    requests_per_minute: int
    messages_per_minute: int
    email_per_day: int
    sms_per_day: int
    webhook_endpoints: int
    sms_spend_per_day: int


LIMIT_NAMES = tuple(field.name for field in fields(Limits))


@dataclass(frozen=True, slots=True)
class Entitlements:
    """What the request pipeline needs to know about a company: its limits, whether it is suspended, and the version of both."""

    company_id: uuid.UUID
    tier: str
    limits: Limits
    version: int
    suspended: bool


def limits_by_tier() -> dict[str, Limits]:
    """Return the limits of every tier, smallest tier first."""
    rows = {row.tier: _limits_from(row) for row in TierLimits.objects.all()}
    return {tier: rows[tier] for tier in Company.Tiers.values}


def tier_numbers(path: str) -> Subquery:
    """Return an annotation with the limits of the tier at `path`, so that a single query reads a company with them."""
    numbers = JSONObject(**{name: name for name in LIMIT_NAMES})
    rows = TierLimits.objects.filter(tier=OuterRef(path)).values_list(numbers)
    return Subquery(rows, output_field=JSONField())


def limits_of(company: Company, *, tier: Mapping[str, int] | None = None) -> Limits:
    """Return the limits of `company`: its tier's, with its overrides.

    `tier` is the result of the annotation `tier_numbers`; without it, the limits are queried here.
    """
    limits = _limits_from(TierLimits.objects.get(tier=company.tier)) if tier is None else Limits(**tier)
    return _with_overrides(limits, company.limit_overrides)


def limits_from(tier: Mapping[str, int], *, overrides: Mapping[str, Any]) -> Limits:
    """Return a tier's limits with a company's `limit_overrides`, if both were read by one query."""
    return _with_overrides(Limits(**tier), overrides)


def current_limits() -> Limits:
    """Return the limits of the current tenant's company, by a single query."""
    statement, parameters = _limits_statement()
    with connection.cursor() as cursor:
        cursor.execute(statement, [*parameters, require_tenant().company_id])
        tier, overrides = (orjson.loads(column) for column in cursor.fetchone())
    return limits_from(tier, overrides=overrides)


@cache
def _limits_statement() -> tuple[str, tuple[Any, ...]]:
    """Return the query of `current_limits` and its parameters, except the last one, the company.

    Compiled once per process: Django takes longer to build it than PostgreSQL to answer it.
    """
    rows = Company.objects.annotate(tier_numbers=tier_numbers("tier")).filter(id=uuid.UUID(int=0))
    statement, parameters = rows.values_list("tier_numbers", "limit_overrides").query.sql_with_params()
    return statement, parameters[:-1]


def entitlements_of(company_id: uuid.UUID) -> Entitlements:
    """Load a company's entitlements from PostgreSQL, before its tenant is known."""
    with system_context(reason="entitlements of a key's company"):
        company = Company.objects.annotate(tier_numbers=tier_numbers("tier")).get(id=company_id)
    return Entitlements(
        company_id=company.id,
        tier=company.tier,
        limits=limits_of(company, tier=company.tier_numbers),
        version=company.version,
        suspended=company.suspended_at is not None,
    )


def _with_overrides(limits: Limits, overrides: Mapping[str, Any]) -> Limits:
    return replace(limits, **{name: value for name, value in overrides.items() if name in LIMIT_NAMES})


def _limits_from(row: TierLimits) -> Limits:
    return Limits(**{name: getattr(row, name) for name in LIMIT_NAMES})


def as_numbers(limits: Limits) -> dict[str, int]:
    """Return the limits as a dict."""
    return asdict(limits)
