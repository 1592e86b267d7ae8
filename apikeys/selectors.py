"""Reads about keys. All but `find_*` and `recently_changed` see the current tenant only."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

import orjson
from django.db import connection
from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet

from apikeys.keys import LOCATOR_LENGTH, ShownPart, parse_shown
from apikeys.models import ApiKey, ApiKeyDeprecatedUse, ApiKeyScopeUse, ApiKeySecret
from billing.entitlements import tier_numbers
from core.postgres.orders import NEWEST
from core.tenancy import system_context
from core.values import ids

# The character after the last of a locator's alphabet, by bytes: the end of every range of locators with one beginning.
_AFTER_LAST = "{"
EXPIRES_SOON = timedelta(days=7)
UNUSED_AFTER = timedelta(days=30)


def list_keys() -> QuerySet[ApiKey]:
    """The tenant's keys, newest first, with their secrets."""
    secrets = ApiKeySecret.objects.order_by(NEWEST)
    return ApiKey.objects.prefetch_related(Prefetch("secrets", queryset=secrets)).order_by(NEWEST)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFilter:
    """Filters of the list of keys; empty strings do not filter. `state` is one of STATES."""

    text: str = ""
    state: str = ""
    scope: str = ""


STATES = {
    "working": "Working",
    "rotating": "Rotating",
    "expiring": "Expiring within 7 days",
    "unused": "Not used for 30 days",
    "orphaned": "Creator has left",
    "against_policy": "Violates policy",
    "expired": "Expired",
    "revoked": "Revoked",
}


def find_keys(
    wanted: KeyFilter, *, now: datetime, member_ids: Collection[str], against_policy: Q
) -> QuerySet[ApiKey]:
    """The tenant's keys that match `wanted`. `member_ids` are the ids of the company's current members."""
    found = list_keys()
    text = wanted.text.strip()
    if text.startswith(f"{ApiKey.id_prefix}_"):
        try:
            found = found.filter(id=ids.decode(ApiKey.id_prefix, text))
        except ids.InvalidId:
            return found.none()
    elif text:
        # A secret can be found by the part that pages show, by its first eight characters alone, or by its last four.
        shown = parse_shown(text)
        of_secret = shown_as(shown) if shown else Q(locator=text) | Q(tail=text)
        secrets = ApiKeySecret.objects.filter(of_secret, key=OuterRef("pk"))
        found = found.filter(Q(name__icontains=text) | Q(description__icontains=text) | Exists(secrets))
    if wanted.scope:
        found = found.filter(scopes__contains=[wanted.scope])
    if wanted.state == "against_policy":
        found = found.filter(_in_state("working", now, member_ids) & against_policy)
    elif wanted.state:
        found = found.filter(_in_state(wanted.state, now, member_ids))
    return found


def shown_as(part: ShownPart) -> Q:
    """The query for secrets of which pages show this part. A beginning is a range of the locators' index, also under policies."""
    first = part.beginning
    found = (
        Q(locator=first)
        if len(first) == LOCATOR_LENGTH
        else Q(locator__gte=first, locator__lt=first + _AFTER_LAST)
    )
    return found & Q(mode=part.mode) & (Q(tail=part.tail) if part.tail else Q())


def orphaned(member_ids: Collection[str]) -> Q:
    """The query for keys created by a person who is no longer a member."""
    return Q(created_by__startswith="usr_") & ~Q(created_by__in=list(member_ids))


def _in_state(state: str, now: datetime, member_ids: Collection[str]) -> Q:
    working = Q(revoked_at=None) & (Q(expires_at=None) | Q(expires_at__gt=now))
    if state == "working":
        return working
    if state == "rotating":
        ending = ApiKeySecret.objects.filter(key=OuterRef("pk"), revoked_at=None, ends_at__gt=now)
        return working & Q(Exists(ending))
    if state == "expiring":
        return working & Q(expires_at__lte=now + EXPIRES_SOON)
    if state == "unused":
        # The same rule as apikeys.advisor for a single key.
        before = now - UNUSED_AFTER
        return working & (Q(last_used_at__lte=before) | Q(last_used_at=None, created__lte=before))
    if state == "orphaned":
        return working & orphaned(member_ids)
    if state == "expired":
        return Q(revoked_at=None, expires_at__lte=now)
    return Q(revoked_at__isnull=False)


def get_keys(client_ids: Sequence[str]) -> list[ApiKey]:
    """The tenant's keys with these Client IDs, ordered by id. Raises NotFound if one is missing."""
    return ApiKey.by_public_ids(client_ids, among=list_keys())


def get_key(client_id: str) -> ApiKey:
    """The tenant's key with this Client ID, with its secrets, newest first. Raises core.errors.NotFound."""
    return ApiKey.by_public_id(client_id, among=list_keys())


def scope_uses(key: ApiKey) -> dict[str, datetime]:
    """When each scope of a key was last needed. Scopes that were never needed are absent."""
    return dict(ApiKeyScopeUse.objects.filter(key=key).values_list("scope", "last_used_at"))


def deprecated_uses(key: ApiKey) -> dict[str, datetime]:
    """When a key last used each deprecated operation or version, by name, most recent first."""
    rows = ApiKeyDeprecatedUse.objects.filter(key=key).order_by("-last_used_at")
    return dict(rows.values_list("what", "last_used_at")[:100])


def working_secrets(key: ApiKey) -> QuerySet[ApiKeySecret]:
    """The secrets of a key that have not been revoked, newest first. During an overlap the last one is about to end."""
    return ApiKeySecret.objects.filter(key=key, revoked_at=None).order_by(NEWEST)


def find_secret(locator: str) -> ApiKeySecret | None:
    """The secret with this locator, looked up before the tenant is known; None if there is none."""
    with system_context(reason="key by locator"):
        return ApiKeySecret.objects.filter(locator=locator).first()


# The fields of a grant: the name of each, and its lookup path from a secret.
_FACTS = {
    "ends_at": "ends_at",
    "secret_revoked_at": "revoked_at",
    "key_id": "key_id",
    "company_id": "company_id",
    "mode": "mode",
    "api_version": "key__api_version",
    "key_name": "key__name",
    "kind": "key__kind",
    "scopes": "key__scopes",
    "rate_limit": "key__rate_limit",
    "networks": "key__allowed_networks",
    "origins": "key__allowed_origins",
    "expires_at": "key__expires_at",
    "revoked_at": "key__revoked_at",
    "key_version": "key__version",
    "company_name": "company__name",
    "company_tier": "company__tier",
    "company_suspended_at": "company__suspended_at",
    "company_version": "company__version",
    "test_bodies_from": "company__test_bodies_from",
    "test_bodies_until": "company__test_bodies_until",
    "live_bodies_from": "company__live_bodies_from",
    "live_bodies_until": "company__live_bodies_until",
    "limit_overrides": "company__limit_overrides",
    "tier_numbers": "tier_numbers",
}


def find_facts(secret_id: UUID) -> dict[str, Any] | None:
    """The current state of a secret, its key and its company, by the names in `_FACTS`; None if the secret does not exist."""
    with system_context(reason="facts of a matched secret"), connection.cursor() as cursor:
        statement, parameters = _facts_statement()
        cursor.execute(statement, [*parameters, secret_id])
        row = cursor.fetchone()
    if row is None:
        return None
    facts = dict(zip(_FACTS, row, strict=True))
    for name in ("limit_overrides", "tier_numbers"):
        facts[name] = orjson.loads(facts[name])
    return facts


@cache
def _facts_statement() -> tuple[str, tuple[Any, ...]]:
    """The SQL of `find_facts`, and its parameters except the last, the secret's id.

    Compiled once per process: Django takes longer to build the joins than PostgreSQL to run them, and every key in use is
    read again each minute (p95 of the first request of 1,000 keys after FLUSHALL: 3.6 ms, without this 9.5). Must be called in
    a system context, or the tenant would be compiled in.
    """
    rows = ApiKeySecret.objects.annotate(tier_numbers=tier_numbers("company__tier"))
    query = rows.filter(id=UUID(int=0)).values_list(*_FACTS.values()).query
    statement, parameters = query.sql_with_params()
    return statement, parameters[:-1]


def find_key_anywhere(key_id: UUID) -> ApiKey | None:
    """A key of any company, for operators' commands; None when there is none."""
    with system_context(reason="key by an operator's command"):
        return ApiKey.objects.filter(id=key_id).first()


def recently_changed(since: datetime) -> list[tuple[UUID, UUID, int]]:
    """(company, key, version) of every key whose version was raised after `since`."""
    with system_context(reason="fences of recently changed keys"):
        rows = ApiKey.objects.filter(changed_at__gte=since, version__gt=1)
        return list(rows.values_list("company_id", "id", "version"))
