"""The company's policy for keys: what it asks of each, in one place for the forms, the services, the list and the command.

Whatever makes, changes or rotates a key asks here. Keys that were there before a policy keep working and are named on the list.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F, Q

from accounts.models import Company
from accounts.selectors import current_company, has_second_factor
from apikeys.models import ApiKey
from core.api.scopes import SCOPES
from core.errors import FieldError
from core.principal import Principal
from core.values import ids

NEEDS_SECOND_FACTOR = "Company policy: only members with a second factor can create, edit or rotate keys. Set yours up in your profile."
NO_FULL_ACCESS = "Company policy: a key cannot have every scope. Leave out the ones it does not need."
NEEDS_NETWORKS = "Company policy: a server key must list the addresses it is used from."


@dataclass(frozen=True, slots=True)
class KeyPolicy:
    """What a company asks of its keys."""

    longest_days: int | None
    needs_networks: bool
    needs_second_factor: bool
    refuses_full_access: bool

    @property
    def longest_life(self) -> str:
        """What the policy says of a key's life; empty when it says nothing."""
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


def settings_against(
    policy: KeyPolicy, columns: Mapping[str, Any], *, made_at: datetime
) -> Iterator[FieldError]:
    """Yield what of a key's columns is against the policy; `made_at` is when its secret was made."""
    if policy.longest_days is not None:
        ends = columns.get("expires_at")
        if ends is None or ends > made_at + _longest(policy.longest_days):
            yield FieldError("expires_at", "against_policy", policy.longest_life)
    if (
        policy.needs_networks
        and columns.get("kind") == ApiKey.Kind.SERVER
        and columns.get("allowed_networks") == []
    ):
        yield FieldError("allowed_networks", "against_policy", NEEDS_NETWORKS)
    if policy.refuses_full_access and SCOPES.keys() <= set(columns.get("scopes", ())):
        yield FieldError("scopes", "against_policy", NO_FULL_ACCESS)


def person_against(policy: KeyPolicy, actor: Principal) -> Iterator[FieldError]:
    """Yield that the person who acts has no second factor where the policy asks for one; operators are not asked."""
    if (
        policy.needs_second_factor
        and actor.kind == "user"
        and not has_second_factor(ids.decode("usr", actor.id))
    ):
        yield FieldError("second_factor", "against_policy", NEEDS_SECOND_FACTOR)


def key_against(policy: KeyPolicy, key: ApiKey) -> list[FieldError]:
    """Return what of a key that is there is against the policy."""
    columns = {name: getattr(key, name) for name in ("kind", "scopes", "allowed_networks", "expires_at")}
    return list(settings_against(policy, columns, made_at=key.rotated_at))


def keys_against(policy: KeyPolicy) -> Q:
    """Return the condition on keys that `key_against` judges one by one."""
    found = Q(pk__in=[])
    if policy.longest_days is not None:
        found |= Q(expires_at=None) | Q(expires_at__gt=F("rotated_at") + _longest(policy.longest_days))
    if policy.needs_networks:
        found |= Q(kind=ApiKey.Kind.SERVER, allowed_networks=[])
    if policy.refuses_full_access:
        found |= Q(scopes__contains=list(SCOPES))
    return found


def _longest(days: int) -> timedelta:
    """The last day counts to its end, which is what the form promises of the day that is chosen on it."""
    return timedelta(days=days + 1)
