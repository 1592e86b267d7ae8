"""Newest first within a tenant: an ordering served by the tenant's indexes rather than the primary key (ADR 15)."""

from django.db.models import F, Index, Q

# The primary key provides `id DESC NULLS FIRST` and `id ASC NULLS LAST`. An id is never null, so `NULLS LAST` returns the rows in
# the same order, but keeps PostgreSQL from walking the primary key through other companies' rows to find them.
NEWEST = F("pk").desc(nulls_last=True)
OLDEST = F("pk").asc(nulls_first=True)


def tenant_index(*fields: str, name: str, condition: Q | None = None) -> Index:
    """Return an index for lists of a tenant's rows, newest first (or oldest first, read backwards), filtered by `fields`."""
    scope = [F(field) for field in ("company", "mode", *fields)]
    return Index(*scope, F("id").desc(nulls_last=True), name=name, condition=condition)
