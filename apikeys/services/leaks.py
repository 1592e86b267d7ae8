"""Handling a leaked key: it is permanently revoked, and resources it has created since are disabled with it."""

from dataclasses import dataclass
from datetime import datetime

from apikeys.models import ApiKey
from apikeys.services.editing import KeyChange, lock_key
from apikeys.services.revoking import revoke_key
from core import clock
from core.principal import Principal
from core.security.made_by import Made, traces


@dataclass(frozen=True, slots=True)
class Leak:
    """A key revoked as leaked. `switched_off` counts the disabled resources by their name on pages."""

    change: KeyChange
    switched_off: dict[str, int]


def objects_created_by_key(key: ApiKey, *, since: datetime | None = None) -> dict[str, list[Made]]:
    """Return the active resources a key has created since `since` (by default ever), by their name on pages."""
    found = {trace.title: trace.find(key_id=key.public_id, since=since or key.created) for trace in traces()}
    return {title: made for title, made in found.items() if made}


def revoke_leaked_key(
    *,
    key: ApiKey,
    since: datetime,
    actor: Principal,
    how: str = "The company said so when it revoked the key.",
) -> Leak:
    """Revoke a key as leaked and disable the resources it has created since, in the caller's transaction.

    `how` is shown on the key's page as the source of the report, unless one is recorded already.

    A request of the key that was admitted just before may still finish afterwards; what it creates appears on the key's page,
    and calling this again disables it. A key that was revoked earlier can no longer be restored. Raises NotFound.
    """
    change = revoke_key(key=key, actor=actor, reason=ApiKey.RevocationReason.LEAK)
    locked = lock_key(key.id)
    if locked.leaked_at is None:
        locked.leaked_at, locked.leak_detail = clock.now(), how
        locked.save(update_fields=["leaked_at", "leak_detail"])
    switched_off = {
        trace.title: trace.switch_off(key_id=key.public_id, since=since, actor=actor) for trace in traces()
    }
    return Leak(change, {title: count for title, count in switched_off.items() if count})
