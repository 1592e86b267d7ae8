"""Changing a key's name, scopes, limits and restrictions; the one place that raises a key's version."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from apikeys.events import ApiKeyUpdated
from apikeys.models import ApiKey
from apikeys.representations import represent_key
from apikeys.services.settings import KeySettings, check_settings
from core import clock
from core.errors import NotFound
from core.events import publish
from core.principal import Principal
from core.valkey import fences
from core.valkey.fences import Effect
from core.values.changes import as_recorded, changed_fields

# Public names of columns in the audit trail and in events.
_PUBLIC_NAMES = {"allowed_networks": "allowed_ips"}
# Follows from another column, so it is no change of its own.
_DERIVED = "has_wide_networks"


@dataclass(frozen=True, slots=True)
class KeyChange:
    """A changed key. After the commit, `effect` says whether the change has reached every process."""

    key: ApiKey
    effect: Effect


def lock_key(key_id: UUID) -> ApiKey:
    """The tenant's key, locked until the end of the transaction. Raises NotFound."""
    key = ApiKey.objects.select_for_update().filter(id=key_id).first()
    if key is None:
        raise NotFound
    return key


def save_change(key: ApiKey, **columns: Any) -> Effect:
    """Store columns of a locked key, raise its version, and raise its fence after the commit."""
    now = clock.now()
    columns |= {"version": key.version + 1, "changed_at": now, "updated": now}
    for name, value in columns.items():
        setattr(key, name, value)
    key.save(update_fields=list(columns))
    return fences.raise_after_commit(fences.key_fence(key.company_id, key.id), key.version)


def update_key(*, key: ApiKey, chosen: KeySettings, actor: Principal) -> KeyChange:
    """Apply new settings to a key. Without changes, nothing is written and no event is published.

    The kind of a key never changes: a secret that has been public in a browser must not become a server key's.
    Raises FieldErrors, NotFound.
    """
    locked = lock_key(key.id)
    columns = check_settings(chosen, actor=actor, current=locked)
    changed = changed_fields(locked, columns)
    if not changed:
        return KeyChange(locked, Effect(immediate=True))
    changes = {
        _PUBLIC_NAMES.get(name, name): change
        for name, change in as_recorded(changed).items()
        if name != _DERIVED
    }
    if "expires_at" in changed:
        # A new expiry gets its own notices.
        columns["expiry_notice_days"] = None
    effect = save_change(locked, **columns)
    publish(
        ApiKeyUpdated(object_id=locked.public_id, object=represent_key(locked), changes=changes), actor=actor
    )
    return KeyChange(locked, effect)
