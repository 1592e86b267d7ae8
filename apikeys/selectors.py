"""Reads about keys. All but `find_secret*` see the current tenant only."""

from datetime import datetime
from uuid import UUID

from django.db.models import Prefetch, QuerySet

from apikeys.models import ApiKey, ApiKeyScopeUse, ApiKeySecret
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


def working_secrets(key: ApiKey) -> QuerySet[ApiKeySecret]:
    """The secrets of a key that have not been revoked, newest first; with an overlap the last one still ends."""
    return ApiKeySecret.objects.filter(key=key, revoked_at=None).order_by("-id")


def find_secret(locator: str) -> ApiKeySecret | None:
    """The secret with this locator, its key and company, before a tenant is known; None when there is none."""
    with system_context(reason="key by locator"):
        return _with_company().filter(locator=locator).first()


def find_secret_by_id(secret_id: UUID) -> ApiKeySecret | None:
    """The same for a secret that was matched before: what is true of it now."""
    with system_context(reason="key of a remembered match"):
        return _with_company().filter(id=secret_id).first()


def _with_company() -> QuerySet[ApiKeySecret]:
    """Secrets with their key, its company and (as `tier_numbers`) what the company's tier allows, by one statement."""
    rows = ApiKeySecret.objects.select_related("key__company")
    return rows.annotate(tier_numbers=tier_numbers("key__company__tier"))


def find_key_anywhere(key_id: UUID) -> ApiKey | None:
    """A key of any company, for operators' commands; None when there is none."""
    with system_context(reason="key by an operator's command"):
        return ApiKey.objects.filter(id=key_id).first()


def recently_changed(since: datetime) -> list[tuple[UUID, UUID, int]]:
    """(company, key, version) of every key whose version was raised after `since`."""
    with system_context(reason="fences of recently changed keys"):
        rows = ApiKey.objects.filter(changed_at__gte=since, version__gt=1)
        return list(rows.values_list("company_id", "id", "version"))
