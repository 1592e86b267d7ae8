"""Revoking, rotating and restoring several keys at once: all of them, or none."""

from collections.abc import Sequence
from datetime import timedelta

from apikeys.models import ApiKey
from apikeys.services.editing import KeyChange
from apikeys.services.issuing import IssuedKey, NewSecret
from apikeys.services.revoking import restore_key, revoke_key
from apikeys.services.rotating import rotate_key
from core.principal import Principal

# Each rotation hashes a secret, a quarter of a second.
MOST_ROTATED = 20
MOST_REVOKED = 100


def revoke_keys(*, keys: Sequence[ApiKey], actor: Principal) -> list[KeyChange]:
    """Revoke keys in the order of their ids, so that concurrent callers cannot deadlock. Raises NotFound."""
    return [revoke_key(key=key, actor=actor) for key in _in_order(keys)]


def restore_keys(*, keys: Sequence[ApiKey], actor: Principal) -> list[KeyChange]:
    """Undo revocations. Raises UndoRefused if any cannot be undone, and NotFound."""
    return [restore_key(key=key, actor=actor) for key in _in_order(keys)]


def rotate_keys(
    *, keys: Sequence[ApiKey], overlap: timedelta, secrets: Sequence[NewSecret], actor: Principal
) -> list[IssuedKey]:
    """Give each of `keys` one of `secrets`, made by `prepare_secret`. Raises what `rotate_key` raises for any of them."""
    return [
        rotate_key(key=key, overlap=overlap, secret=secret, actor=actor)
        for key, secret in zip(_in_order(keys), secrets, strict=True)
    ]


def _in_order(keys: Sequence[ApiKey]) -> list[ApiKey]:
    return sorted(keys, key=lambda key: key.id)
