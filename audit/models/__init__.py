"""The audit app's tables, by subject."""

from audit.models.entries import AuditEntry, StaffEntry

__all__ = ["AuditEntry", "StaffEntry"]
