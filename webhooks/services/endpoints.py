"""Endpoints: create, update, enable or disable, delete."""

from __future__ import annotations

from typing import Any

import orjson
from django.db import connection

from billing.entitlements import current_limits
from core import clock
from core.api import versions
from core.background import jobs
from core.errors import NotFound
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
from webhooks.relay import number_committed_events
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
    """Create an endpoint in the current tenant. Return it and its secret, which is shown once.

    It receives events committed from now on, in `api_version` (by default the newest). A key needs the read scope of
    everything it subscribes to. Raises FieldErrors, EndpointLimitReached, insufficient_scope.
    """
    fields: dict[str, Any] = {
        "url": clean_url(url),
        "events": clean_events(events),
        "description": description,
        "api_version": clean_version(api_version) if api_version is not None else versions.newest().date,
        "headers": _encrypt_headers(clean_headers(headers or {}, stored={})),
    }
    require_reach(actor, matching_types(fields["events"]))
    _require_room()
    number_committed_events()
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


def lock_endpoint(endpoint: Endpoint, *, no_key: bool = False) -> Endpoint:
    """Return the endpoint as it is now, locked until the transaction ends. Raises NotFound when it was deleted meanwhile."""
    endpoint = endpoint.locked(no_key=no_key)
    if endpoint.deleted_at is not None:
        raise NotFound
    return endpoint


def update_endpoint(*, endpoint: Endpoint, actor: Principal, **fields: Any) -> Endpoint:
    """Change the given fields of `url, events, description, headers, enabled, api_version`. Raises FieldErrors, NotFound, insufficient_scope.

    A key that changes the URL or the events, or enables the endpoint, needs the read scope of everything it will receive.

    Custom headers belong to the origin they were given for (scheme, host and port): when the URL changes to another origin, the
    stored ones are dropped. Disabling keeps pending deliveries; they resume when the endpoint is enabled again.
    """
    if fields.get("enabled"):
        number_committed_events()
    endpoint = lock_endpoint(endpoint)
    stored = _decrypt_headers(endpoint)
    wanted = _cleaned(fields, endpoint, stored)
    enabled = wanted.pop("enabled", endpoint.enabled)
    before = representations.endpoint(endpoint)
    for name, value in wanted.items():
        setattr(endpoint, name, value)
    if enabled != endpoint.enabled:
        wanted |= _switch(endpoint, enabled)
    after = representations.endpoint(endpoint)
    changes = {name: [before[name], after[name]] for name in before if before[name] != after[name]}
    if _decrypt_headers(endpoint) != stored:  # values may be credentials, so only names go to the audit trail
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


# Locked before the endpoint (core.postgres.locks): recording a result locks the delivery first, then the endpoint.
_LOCK_WAITING = """
SELECT count(*) FROM (
    SELECT FROM webhooks_delivery WHERE endpoint_id = %s AND due_at IS NOT NULL ORDER BY id FOR NO KEY UPDATE
) locked
"""


def delete_endpoint(*, endpoint: Endpoint, actor: Principal) -> None:
    """Delete an endpoint and its secrets. Its deliveries stay readable; pending ones are canceled. Raises NotFound."""
    with connection.cursor() as cursor:
        cursor.execute(_LOCK_WAITING, [endpoint.id])
    endpoint = lock_endpoint(endpoint, no_key=True)
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
    # Concurrent creations must not both take the last slot.
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
    # A version that has ended may stay; deliveries then use the oldest supported one.
    if "api_version" in cleaned and cleaned["api_version"] != endpoint.api_version:
        cleaned["api_version"] = clean_version(cleaned["api_version"])
    if "events" in cleaned:
        cleaned["events"] = clean_events(cleaned["events"])
    if "headers" in cleaned:
        cleaned["headers"] = _encrypt_headers(clean_headers(cleaned["headers"], stored=stored))
    return cleaned


def _switch(endpoint: Endpoint, enabled: bool) -> dict[str, Any]:
    changed: dict[str, Any] = {
        "enabled": enabled,
        "disabled_reason": None if enabled else Endpoint.DisabledReason.MANUAL,
        "disabled_at": None if enabled else clock.now(),
        "notice_due": False,
    }
    if enabled:
        # It receives events from now on; those in the meantime can be replayed.
        changed |= {"subscribed_from": LastValue(EVENT_POSITIONS), "failing_since": None}
    for name, value in changed.items():
        setattr(endpoint, name, value)
    return changed


def _decrypt_headers(endpoint: Endpoint) -> dict[str, str]:
    headers: dict[str, str] = orjson.loads(crypto.decrypt(bytes(endpoint.headers)))
    return headers


def _encrypt_headers(headers: dict[str, str]) -> bytes:
    return crypto.encrypt(orjson.dumps(headers))
