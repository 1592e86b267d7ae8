"""Endpoints: create, change, switch off and on, delete."""

from __future__ import annotations

from typing import Any

import orjson
from django.db import connection

from billing.entitlements import current_limits
from core import clock
from core.api import versions
from core.background import jobs
from core.events import RELAY_TASK, publish
from core.models import EVENT_POSITIONS
from core.postgres.fields import LastValue
from core.postgres.turns import take_turn
from core.principal import Principal
from core.security import crypto
from core.security.reach import require_reach
from core.tenancy import require_tenant
from webhooks import representations, signing
from webhooks.catalogue import matching_types
from webhooks.events import (
    EndpointCreated,
    EndpointDeleted,
    EndpointDisabled,
    EndpointEnabled,
    EndpointUpdated,
)
from webhooks.models import Delivery, Endpoint, EndpointSecret
from webhooks.relay import number_what_is_there
from webhooks.selectors import list_endpoints
from webhooks.services.errors import EndpointLimitReached
from webhooks.services.validation import clean_events, clean_headers, clean_url, origin_of
from webhooks.versions import clean_version


def create_endpoint(
    *,
    actor: Principal,
    url: str,
    events: list[str],
    description: str = "",
    headers: dict[str, str] | None = None,
    enabled: bool = True,
    api_version: str | None = None,
) -> tuple[Endpoint, str]:
    """Create an endpoint in the current tenant; return it and its secret, which is shown once.

    It gets what is committed from now on, as `api_version` shows it, by default the newest. A key needs the read scope of everything that is subscribed to. Raises FieldErrors,
    EndpointLimitReached, insufficient_scope.
    """
    fields: dict[str, Any] = {
        "url": clean_url(url),
        "events": clean_events(events),
        "description": description,
        "api_version": clean_version(api_version) if api_version is not None else versions.newest().date,
        "headers": _seal(clean_headers(headers or {}, stored={})),
    }
    require_reach(actor, matching_types(fields["events"]))
    _require_room()
    number_what_is_there()
    if not enabled:
        fields |= {
            "enabled": False,
            "disabled_reason": Endpoint.DisabledReason.MANUAL,
            "disabled_at": clock.now(),
        }
    endpoint: Endpoint = Endpoint.objects.create(
        updated=clock.now(), **fields, **_by("created", actor), **_by("changed", actor)
    )
    secret = signing.new_secret()
    EndpointSecret.objects.create(endpoint=endpoint, secret=crypto.encrypt(secret.encode()))
    publish(EndpointCreated(object_id=endpoint.public_id), actor=actor)
    return endpoint, secret


def update_endpoint(*, endpoint: Endpoint, actor: Principal, **fields: Any) -> Endpoint:
    """Change the given fields of `url, events, description, headers, enabled, api_version`. Raises FieldErrors, insufficient_scope.

    A key that changes where events go, or which, or that they go, needs the read scope of all that then go there.

    Custom headers belong to the host they were given for (scheme, name and port): when the URL moves to another one, those
    that are stored are dropped. Switching off keeps what still waits to be sent; it goes on when the endpoint is switched on again.
    """
    if fields.get("enabled"):
        number_what_is_there()
    endpoint = Endpoint.objects.select_for_update().get(id=endpoint.id)
    stored = _open(endpoint)
    wanted = _cleaned(fields, endpoint, stored)
    enabled = wanted.pop("enabled", endpoint.enabled)
    before = representations.endpoint(endpoint)
    for name, value in wanted.items():
        setattr(endpoint, name, value)
    if enabled != endpoint.enabled:
        wanted |= _switch(endpoint, enabled)
    after = representations.endpoint(endpoint)
    changes = {name: [before[name], after[name]] for name in before if before[name] != after[name]}
    if _open(endpoint) != stored:  # values may be credentials: the audit trail gets the names
        changes["headers"] = [sorted(before["headers"]), sorted(after["headers"])]
    if not changes:
        return endpoint
    if endpoint.enabled and changes.keys() - {"description"}:
        require_reach(actor, matching_types(endpoint.events))
    for name, value in _by("changed", actor).items():
        setattr(endpoint, name, value)
        wanted[name] = value
    endpoint.updated = clock.now()
    endpoint.save(update_fields=[*wanted, "updated"])
    if "subscribed_from" in wanted:
        jobs.enqueue(RELAY_TASK)
        endpoint.refresh_from_db()
    switched = changes.pop("enabled", None)
    changes.pop("disabled_reason", None)
    if switched:
        event = EndpointEnabled if enabled else EndpointDisabled
        publish(event(object_id=endpoint.public_id, changes={"enabled": switched}), actor=actor)
    if changes:
        publish(EndpointUpdated(object_id=endpoint.public_id, changes=changes), actor=actor)
    return endpoint


# Before the endpoint (core.postgres.locks): whoever records a result has locked its delivery, and goes on to the endpoint.
_LOCK_WAITING = """
SELECT count(*) FROM (
    SELECT FROM webhooks_delivery WHERE endpoint_id = %s AND due_at IS NOT NULL ORDER BY id FOR NO KEY UPDATE
) locked
"""


def delete_endpoint(*, endpoint: Endpoint, actor: Principal) -> None:
    """Delete an endpoint and its secrets. Its deliveries stay readable; those still waiting are canceled."""
    with connection.cursor() as cursor:
        cursor.execute(_LOCK_WAITING, [endpoint.id])
    now = clock.now()
    endpoint.deleted_at = endpoint.updated = now
    endpoint.save(update_fields=["deleted_at", "updated"])
    EndpointSecret.objects.filter(endpoint=endpoint).delete()
    Delivery.objects.filter(endpoint=endpoint, due_at__isnull=False).update(
        status=Delivery.Status.CANCELED, due_at=None, finished_at=now
    )
    publish(EndpointDeleted(object_id=endpoint.public_id), actor=actor)


def _by(what: str, actor: Principal) -> dict[str, str]:
    return {f"{what}_by": actor.id[:64], f"{what}_by_name": actor.name[:200]}


def _require_room() -> None:
    tenant = require_tenant()
    # Two creations at once must not both take the last place.
    take_turn(f"webhook endpoints {tenant.company_id} {tenant.mode}")
    allowed = current_limits().webhook_endpoints
    if list_endpoints().count() >= allowed:
        raise EndpointLimitReached(
            f"This company can have {allowed} webhook endpoints in each mode.", facts={"limit": allowed}
        )


def _cleaned(fields: dict[str, Any], endpoint: Endpoint, stored: dict[str, str]) -> dict[str, Any]:
    cleaned = dict(fields)
    if "url" in cleaned:
        cleaned["url"] = clean_url(cleaned["url"])
        if stored and origin_of(cleaned["url"]) != origin_of(endpoint.url):
            stored = {}
            cleaned.setdefault("headers", {})
    # One that has ended may stay; what is sent is then of the oldest that is served.
    if "api_version" in cleaned and cleaned["api_version"] != endpoint.api_version:
        cleaned["api_version"] = clean_version(cleaned["api_version"])
    if "events" in cleaned:
        cleaned["events"] = clean_events(cleaned["events"])
    if "headers" in cleaned:
        cleaned["headers"] = _seal(clean_headers(cleaned["headers"], stored=stored))
    return cleaned


def _switch(endpoint: Endpoint, enabled: bool) -> dict[str, Any]:
    changed: dict[str, Any] = {
        "enabled": enabled,
        "disabled_reason": None if enabled else Endpoint.DisabledReason.MANUAL,
        "disabled_at": None if enabled else clock.now(),
        "notice_due": False,
    }
    if enabled:
        # Events from now on; what happened meanwhile can be replayed.
        changed |= {"subscribed_from": LastValue(EVENT_POSITIONS), "failing_since": None}
    for name, value in changed.items():
        setattr(endpoint, name, value)
    return changed


def _open(endpoint: Endpoint) -> dict[str, str]:
    headers: dict[str, str] = orjson.loads(crypto.decrypt(bytes(endpoint.headers)))
    return headers


def _seal(headers: dict[str, str]) -> bytes:
    return crypto.encrypt(orjson.dumps(headers))
