"""Writes on keys. Each runs in the tenant's transaction and publishes its event there."""

from apikeys.services.editing import KeyChange, update_key
from apikeys.services.issuing import IssuedKey, KeySettings, NewSecret, create_key, prepare_secret
from apikeys.services.leaks import objects_created_by_key, revoke_leaked_key
from apikeys.services.many import (
    MOST_REVOKED,
    MOST_ROTATED,
    restore_keys,
    revoke_keys,
    rotate_keys,
)
from apikeys.services.revoking import UNDO_MINUTES, UndoRefused, can_restore, restore_key, revoke_key
from apikeys.services.rotating import (
    OVERLAPS,
    KeyNotActive,
    check_active,
    check_rotate,
    end_overlap,
    rotate_key,
)

__all__ = [
    "MOST_REVOKED",
    "MOST_ROTATED",
    "OVERLAPS",
    "UNDO_MINUTES",
    "IssuedKey",
    "KeyChange",
    "KeyNotActive",
    "KeySettings",
    "NewSecret",
    "UndoRefused",
    "can_restore",
    "check_active",
    "check_rotate",
    "create_key",
    "end_overlap",
    "objects_created_by_key",
    "prepare_secret",
    "restore_key",
    "restore_keys",
    "revoke_key",
    "revoke_keys",
    "revoke_leaked_key",
    "rotate_key",
    "rotate_keys",
    "update_key",
]
