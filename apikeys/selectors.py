"""Reads about keys. All but `find_*` and `recently_changed` see the current tenant only."""

from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

import orjson
from django.db import connection
from django.db.models import Prefetch, QuerySet

from apikeys.models import ApiKey, ApiKeyDeprecatedUse, ApiKeyScopeUse, ApiKeySecret
from billing.entitlements import tier_numbers
from core import ids
from core.errors import NotFound
from core.tenancy import system_context


def list_keys() -> QuerySet[ApiKey]:
    """The tenant's keys, newest first, with their secrets."""
    secrets = ApiKeySecret.objects.order_by("-id")
    return ApiKey.objects.prefetch_related(Prefetch("secrets", queryset=secrets)).order_by("-id")


def get_key(client_id: str) -> ApiKey:
    """The tenant's key with this Client ID, with its secrets, newest first. Raises core.errors.NotFound."""
    try:
        key_id = ids.decode(ApiKey.id_prefix, client_id)
    except ids.InvalidId as error:
        raise NotFound from error
    key = list_keys().filter(id=key_id).first()
    if key is None:
        raise NotFound
    return key


def scope_uses(key: ApiKey) -> dict[str, datetime]:
    """When each scope of a key was last needed; scopes that never were are absent."""
    return dict(ApiKeyScopeUse.objects.filter(key=key).values_list("scope", "last_used_at"))


def deprecated_uses(key: ApiKey) -> dict[str, datetime]:
    """When a key last used each thing that was going away at the time, by its name, newest first."""
    rows = ApiKeyDeprecatedUse.objects.filter(key=key).order_by("-last_used_at")
    return dict(rows.values_list("what", "last_used_at")[:100])


def working_secrets(key: ApiKey) -> QuerySet[ApiKeySecret]:
    """The secrets of a key that have not been revoked, newest first; with an overlap the last one still ends."""
    return ApiKeySecret.objects.filter(key=key, revoked_at=None).order_by("-id")


def find_secret(locator: str) -> ApiKeySecret | None:
    """The secret with this locator, before a tenant is known; None when there is none."""
    with system_context(reason="key by locator"):
        return ApiKeySecret.objects.filter(locator=locator).first()


# What a grant is made of: the name of each fact, and where it is from a secret's point of view.
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
    "limit_overrides": "company__limit_overrides",
    "tier_numbers": "tier_numbers",
}


def find_facts(secret_id: UUID) -> dict[str, Any] | None:
    """What is true of a secret, its key and its company now, by the names of `_FACTS`; None when there is no such secret."""
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
    """The statement of `find_facts`, and its parameters up to the last one, the secret.

    Compiled once per process: Django needs longer to put the joins together than PostgreSQL to answer, and every key in use
    is read again each minute (the first request of 1,000 keys after FLUSHALL, p95: 3.6 ms, 9.5 without). Must be called in a system context, or the tenant would be compiled in.
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
