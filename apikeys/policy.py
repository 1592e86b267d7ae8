"""A company's key policy, in one place for forms, services, the list and the command.

Everything that creates, edits or rotates a key checks it. Keys older than a policy keep working and are flagged on the list.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F, Q

from accounts.models import Company
from accounts.selectors import current_company, has_second_factor
from apikeys.models import ApiKey
from apikeys.restrictions import EVERYWHERE, everywhere_in, too_wide
from core.api.scopes import SCOPES
from core.errors import FieldError
from core.principal import Principal
from core.values import ids

NEEDS_SECOND_FACTOR = "Company policy: only members with a second factor can create, edit or rotate keys. Set yours up in your profile."
NO_FULL_ACCESS = "Company policy: a key cannot have every scope. Leave out the ones it does not need."
NEEDS_NETWORKS = "Company policy: a server key must list the addresses it is used from."


@dataclass(frozen=True, slots=True)
class KeyPolicy:
    """A company's requirements for its keys."""

    longest_days: int | None
    needs_networks: bool
    needs_second_factor: bool
    refuses_full_access: bool

    @property
    def longest_life(self) -> str:
        """The policy's limit on a key's lifetime, as a sentence; empty if there is none."""
        if self.longest_days is None:
            return ""
        days = f"{self.longest_days:,} day{'' if self.longest_days == 1 else 's'}"
        return f"Company policy: a key must expire within {days} of its secret being created."


def policy_of(company: Company) -> KeyPolicy:
    """Return the policy of `company`."""
    return KeyPolicy(
        company.key_longest_days,
        company.keys_need_networks,
        company.keys_need_second_factor,
        company.keys_refuse_full_access,
    )


def current_policy() -> KeyPolicy:
    """Return the policy of the current tenant's company."""
    return policy_of(current_company())


def settings_violations(
    policy: KeyPolicy, columns: Mapping[str, Any], *, made_at: datetime
) -> Iterator[FieldError]:
    """Yield the policy violations of a key's columns; `made_at` is when its secret was made."""
    if policy.longest_days is not None:
        ends = columns.get("expires_at")
        if ends is None or ends > made_at + _longest(policy.longest_days):
            yield FieldError("expires_at", "against_policy", policy.longest_life)
    if policy.needs_networks and columns.get("kind") == ApiKey.Kind.SERVER:
        networks = columns.get("allowed_networks")
        if networks == []:
            yield FieldError("allowed_networks", "against_policy", NEEDS_NETWORKS)
        elif cidr := everywhere_in(networks or []):
            message = f"{NEEDS_NETWORKS} {cidr} has every {EVERYWHERE[cidr]} address and restricts nothing."
            yield FieldError("allowed_networks", "against_policy", message)
        elif sentence := too_wide(networks or []):
            yield FieldError("allowed_networks", "against_policy", f"{NEEDS_NETWORKS} {sentence}")
    if policy.refuses_full_access and SCOPES.keys() <= set(columns.get("scopes", ())):
        yield FieldError("scopes", "against_policy", NO_FULL_ACCESS)


def actor_violations(policy: KeyPolicy, actor: Principal) -> Iterator[FieldError]:
    """Yield a violation if the policy requires MFA and the actor has none. Operators are exempt."""
    if (
        policy.needs_second_factor
        and actor.kind == "user"
        and not has_second_factor(ids.decode("usr", actor.id))
    ):
        yield FieldError("second_factor", "against_policy", NEEDS_SECOND_FACTOR)


def key_violations(policy: KeyPolicy, key: ApiKey) -> list[FieldError]:
    """Return the policy violations of an existing key."""
    columns = {name: getattr(key, name) for name in ("kind", "scopes", "allowed_networks", "expires_at")}
    return list(settings_violations(policy, columns, made_at=key.rotated_at))


def violating_keys(policy: KeyPolicy) -> Q:
    """Return the query for keys that violate the policy: `key_violations` as a condition."""
    found = Q(pk__in=[])
    if policy.longest_days is not None:
        found |= Q(expires_at=None) | Q(expires_at__gt=F("rotated_at") + _longest(policy.longest_days))
    if policy.needs_networks:
        found |= Q(kind=ApiKey.Kind.SERVER) & (Q(allowed_networks=[]) | Q(has_wide_networks=True))
    if policy.refuses_full_access:
        found |= Q(scopes__contains=list(SCOPES))
    return found


def _longest(days: int) -> timedelta:
    """The longest lifetime. The last day counts to its end, as the form promises for a chosen date."""
    return timedelta(days=days + 1)
