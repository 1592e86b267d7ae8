"""Rotation: a new secret under the same Client ID, the old one ended at once or after an overlap."""

from datetime import datetime, timedelta
from typing import Any

from apikeys import policy
from apikeys.events import ApiKeyOverlapEnded, ApiKeyRotated
from apikeys.models import ApiKey
from apikeys.representations import display_secret, represent_key
from apikeys.selectors import working_secrets
from apikeys.services.editing import KeyChange, lock_key, save_change
from apikeys.services.issuing import IssuedKey, NewSecret, store_secret
from core import clock
from core.errors import DomainError
from core.events import publish
from core.principal import Principal
from core.valkey.fences import Effect

# The overlaps that pages offer. Longer ones would keep alive a secret that is meant to be replaced.
OVERLAPS = {
    "none": timedelta(0),
    "1h": timedelta(hours=1),
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
}
MAX_OVERLAP = timedelta(days=7)


class KeyNotActive(DomainError):
    """The key is revoked or expired, so it cannot be rotated."""

    code = "key_not_active"
    status = 409
    only_on_pages = True
    title = "The key is not active"
    fix = "Undo the revocation or set a later expiry first, or create a new key."


class KeyAgainstPolicy(DomainError):
    """The company's policy forbids what the key has, or asks more of whoever rotates it."""

    code = "key_against_policy"
    status = 409
    only_on_pages = True
    title = "The company's key policy forbids this"
    fix = "Edit the key so that it complies, then rotate it. Its page shows what violates the policy."


def rotate_key(*, key: ApiKey, overlap: timedelta, secret: NewSecret, actor: Principal) -> IssuedKey:
    """Give a key a new secret, made by `prepare_secret`. The old one ends now (zero `overlap`) or after `overlap`, at most 7 days.

    At most two secrets work at a time: one that is still in the overlap of an earlier rotation ends now.
    Raises KeyNotActive, KeyAgainstPolicy, TemporarilyUnavailable, NotFound.
    """
    if not timedelta(0) <= overlap <= MAX_OVERLAP:
        raise ValueError("An overlap lasts from zero to seven days.")
    locked = lock_key(key.id)
    now = clock.now()
    check_rotate(locked, actor)
    old = list(working_secrets(locked))
    ends = None if not overlap else clock.rfc3339(now + overlap)
    for position, former in enumerate(old):
        if overlap and position == 0:
            former.ends_at = now + overlap
            former.save(update_fields=["ends_at"])
        else:
            former.revoked_at = now
            former.save(update_fields=["revoked_at"])
    store_secret(locked, secret)
    columns: dict[str, Any] = {"rotated_at": now, "rotation_reminded_at": None}
    if not overlap:
        # The exposed secret no longer works.
        columns |= {"leaked_at": None, "leak_detail": ""}
    effect = save_change(locked, **columns)
    publish(
        ApiKeyRotated(
            object_id=locked.public_id,
            object=represent_key(locked),
            detail={"replaced": [display_secret(former) for former in old], "old_secret_ends": ends},
        ),
        actor=actor,
    )
    return IssuedKey(locked, secret.text, effect)


def check_active(key: ApiKey, now: datetime) -> None:
    """Refuse to rotate a key that is revoked or expired. Raises KeyNotActive."""
    if key.revoked_at is not None or (key.expires_at is not None and key.expires_at <= now):
        raise KeyNotActive("A revoked or expired key cannot be rotated.")


def check_rotate(key: ApiKey, actor: Principal) -> None:
    """Raise KeyNotActive or KeyAgainstPolicy. An exposed secret may be replaced even if the key violates the policy."""
    check_active(key, clock.now())
    rules = policy.current_policy()
    found = list(policy.actor_violations(rules, actor))
    if key.leaked_at is None and not key.secrets.filter(reported_at__isnull=False, revoked_at=None).exists():
        found += policy.key_violations(rules, key)
    if found:
        raise KeyAgainstPolicy(f"{key.name} was not rotated. {' '.join(error.message for error in found)}")


def end_overlap(*, key: ApiKey, actor: Principal) -> KeyChange:
    """End the overlap of a rotation now: only the newest secret works. Without an overlap nothing changes."""
    locked = lock_key(key.id)
    now = clock.now()
    older = [secret for secret in working_secrets(locked) if secret.ends_at is not None]
    if not older:
        return KeyChange(locked, Effect(immediate=True))
    for secret in older:
        secret.revoked_at = now
        secret.save(update_fields=["revoked_at"])
    effect = save_change(locked)
    publish(
        ApiKeyOverlapEnded(
            object_id=locked.public_id,
            object=represent_key(locked),
            detail={"ended": [display_secret(secret) for secret in older]},
        ),
        actor=actor,
    )
    return KeyChange(locked, effect)
