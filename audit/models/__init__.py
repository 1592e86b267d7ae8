"""The audit app's tables, by subject."""

from audit.models.entries import AuditEntry, StaffEntry
from audit.models.requests import (
    RequestLog,
    RequestRollup,
    UnownedCount,
    UnownedRequest,
)
from audit.models.seals import PruneCheckpoint, Seal, SealCursor, SealHead, Streams

__all__ = [
    "AuditEntry",
    "PruneCheckpoint",
    "RequestLog",
    "RequestRollup",
    "Seal",
    "SealCursor",
    "SealHead",
    "StaffEntry",
    "Streams",
    "UnownedCount",
    "UnownedRequest",
]
