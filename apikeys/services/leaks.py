"""When a key leaks: it is revoked for good, and what it has made since is switched off with it."""

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
    """A key revoked as leaked. `switched_off` counts what else ended, by what pages call it."""

    change: KeyChange
    switched_off: dict[str, int]


def made_by_key(key: ApiKey, *, since: datetime | None = None) -> dict[str, list[Made]]:
    """Return what a key has made since (by default ever) and what is still at work, by what pages call it."""
    found = {trace.title: trace.find(key_id=key.public_id, since=since or key.created) for trace in traces()}
    return {title: made for title, made in found.items() if made}


def revoke_leaked_key(
    *,
    key: ApiKey,
    since: datetime,
    actor: Principal,
    how: str = "The company said so when it revoked the key.",
) -> Leak:
    """Revoke a key as leaked, and switch off what it made since: all in the one transaction of the caller.

    `how` says on its page from where that is known, unless it was known already.

    A request of the key that was admitted just before may still finish after this; what it makes is on the key's page, and
    calling this again switches it off. A key that was revoked already can no longer be restored. Raises NotFound.
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
