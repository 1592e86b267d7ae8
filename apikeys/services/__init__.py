"""Writes on keys. Each runs in the tenant's transaction and publishes its event there."""

from apikeys.services.editing import KeyChange, update_key
from apikeys.services.issuing import IssuedKey, KeySettings, NewSecret, create_key, prepare_secret
from apikeys.services.leaks import made_by_key, revoke_leaked_key
from apikeys.services.revoking import UNDO_MINUTES, UndoRefused, can_restore, restore_key, revoke_key
from apikeys.services.rotating import OVERLAPS, KeyNotActive, end_overlap, rotate_key

__all__ = [
    "OVERLAPS",
    "UNDO_MINUTES",
    "IssuedKey",
    "KeyChange",
    "KeyNotActive",
    "KeySettings",
    "NewSecret",
    "UndoRefused",
    "can_restore",
    "create_key",
    "end_overlap",
    "made_by_key",
    "prepare_secret",
    "restore_key",
    "revoke_key",
    "revoke_leaked_key",
    "rotate_key",
    "update_key",
]
