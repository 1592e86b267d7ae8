"""Fixes for a refused request, offered as buttons on the request's page according to its trace."""

from dataclasses import dataclass, replace

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from accounts.access import CompanyRequest, company_page
from accounts.roles import Role
from accounts.sudo import recent_login_required
from apikeys.models import ApiKey
from apikeys.replay import required_scopes
from apikeys.selectors import get_key
from apikeys.services import KeySettings, update_key
from audit.models import RequestLog
from audit.selectors import get_request
from core.errors import NotFound
from core.values import ids


@dataclass(frozen=True, slots=True)
class Fix:
    """One fix. With a `kind` it is a button that changes the key immediately, otherwise a link to `path`."""

    label: str
    path: str
    kind: str = ""
    value: str = ""


def fixes_of(log: RequestLog) -> list[Fix]:
    """Return the fixes for a refused request, most direct first; none for a revoked or unknown key."""
    if log.key is None:
        return []
    try:
        key = get_key(ids.encode("key", log.key))
    except NotFound:
        return []
    if key.revoked_at is not None:
        return [Fix("Create a new key", reverse("apikeys:create"))]
    return _fixes(log, key)


def _fixes(log: RequestLog, key: ApiKey) -> list[Fix]:
    here = reverse("pages:fix_request", args=[log.public_id])
    edit = reverse("apikeys:edit", args=[key.public_id])
    if log.refused_by == "insufficient_scope":
        # Any one of them is enough; scopes for a whole resource come first in the registry.
        needed = required_scopes()(log.method, log.route)
        return [
            Fix(f"Give this key {scope}", here, "scope", scope) for scope in needed if scope not in key.scopes
        ]
    if log.refused_by == "ip_not_allowed" and log.ip:
        return [Fix(f"Allow {log.ip} for this key", here, "address", log.ip)]
    if log.refused_by in ("origin_not_allowed", "key_expired"):
        return [Fix("Edit the key", edit)]
    if log.refused_by == "rate_limited":
        return [Fix("Raise the key's limit", edit), Fix("See your plan", reverse("pages:plan"))]
    return []


@recent_login_required
@company_page(role=Role.DEVELOPER)
@require_POST
def fix_request(request: CompanyRequest, public_id: str) -> HttpResponse:
    """Apply one of the fixes. Only what this request needs can be granted. Raises NotFound, FieldErrors."""
    log = get_request(public_id)
    wanted = (request.POST.get("kind", ""), request.POST.get("value", ""))
    fix = next((one for one in fixes_of(log) if one.kind and (one.kind, one.value) == wanted), None)
    if fix is None:
        # The fix has been applied already, or the key has changed.
        messages.info(request, "The key already has what this request needs.")
        return redirect("audit:request", public_id)
    assert log.key is not None
    key = get_key(ids.encode("key", log.key))
    settings = _settings_of(key)
    if fix.kind == "scope":
        settings = replace(settings, scopes=[*key.scopes, fix.value])
        message = f"{key.name} now has {fix.value}."
    else:
        settings = replace(settings, allowed_networks=[*key.allowed_networks, fix.value])
        message = f"{key.name} can now be used from {fix.value}."
    update_key(key=key, chosen=settings, actor=request.principal)
    messages.success(request, f"{message} Send the request again.")
    return redirect("apikeys:detail", key.public_id)


def _settings_of(key: ApiKey) -> KeySettings:
    """Return a key's current settings, as the basis for a change."""
    return KeySettings(
        name=key.name,
        description=key.description,
        kind=key.kind,
        scopes=key.scopes,
        rate_limit=key.rate_limit,
        allowed_networks=key.allowed_networks,
        allowed_origins=key.allowed_origins,
        expires_at=key.expires_at,
        rotation_days=key.rotation_days,
    )
