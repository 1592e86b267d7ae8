"""The audit app's tables, by subject."""

from audit.models.bodies import RequestBodies
from audit.models.entries import AuditEntry, StaffEntry
from audit.models.requests import (
    RequestLog,
    RequestRollup,
    UnownedCount,
    UnownedRequest,
    UsageRollup,
)
from audit.models.seals import PruneCheckpoint, Seal, SealHead, Streams, UnsealedEntry

__all__ = [
    "AuditEntry",
    "PruneCheckpoint",
    "RequestBodies",
    "RequestLog",
    "RequestRollup",
    "Seal",
    "SealHead",
    "StaffEntry",
    "Streams",
    "UnownedCount",
    "UnownedRequest",
    "UnsealedEntry",
    "UsageRollup",
]
