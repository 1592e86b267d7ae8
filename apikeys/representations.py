"""The public form of a key in pages, events and audit entries. Never includes a secret or a hash."""

from datetime import datetime
from typing import Any

from apikeys import keys
from apikeys.models import ApiKey, ApiKeySecret
from core import clock


def represent_key(key: ApiKey) -> dict[str, Any]:
    """The public form of a key."""
    return {
        "id": key.public_id,
        "object": "api_key",
        "mode": key.mode,
        "created": clock.rfc3339(key.created),
        "updated": clock.rfc3339(key.updated),
        "name": key.name,
        "description": key.description,
        "kind": key.kind,
        "api_version": key.api_version,
        "scopes": list(key.scopes),
        "rate_limit": key.rate_limit,
        "allowed_ips": list(key.allowed_networks),
        "allowed_origins": list(key.allowed_origins),
        "expires_at": _moment(key.expires_at),
        "rotation_days": key.rotation_days,
        "rotated_at": clock.rfc3339(key.rotated_at),
        "revoked_at": _moment(key.revoked_at),
        "last_used_at": _moment(key.last_used_at),
    }


def display_secret(secret: ApiKeySecret) -> str:
    """`pm_live_AbCd1234…wxyz`."""
    return keys.display(mode=secret.mode, locator=secret.locator, tail=secret.tail)


def _moment(value: datetime | None) -> str | None:
    return None if value is None else clock.rfc3339(value)
