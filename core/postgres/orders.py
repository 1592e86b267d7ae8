"""Newest first within a tenant: an order that the tenant's own indexes give, and the primary key does not (ADR 15)."""

from django.db.models import F, Index, Q

# Spelled out against the primary key, which gives `id DESC` with the nulls first and `id ASC` with the nulls last. An id is never
# null, so the rows come in the same order; but PostgreSQL can no longer walk through other companies' rows to find them.
NEWEST = F("pk").desc(nulls_last=True)
OLDEST = F("pk").asc(nulls_first=True)


def tenant_index(*fields: str, name: str, condition: Q | None = None) -> Index:
    """Return an index for lists of a tenant's rows, newest first, or oldest first read backwards; narrowed by `fields` first."""
    scope = [F(field) for field in ("company", "mode", *fields)]
    return Index(*scope, F("id").desc(nulls_last=True), name=name, condition=condition)
