"""The newest event position of each tenant, which wakes waiting pollers."""

from __future__ import annotations

from collections.abc import Collection

from django.db import connection

from core.models import OutboxEvent
from core.tenancy import Tenant, system_context

# One index descent per tenant, regardless of how many events it has.
_NEWEST = """
    SELECT asked.number, (
        SELECT max(position) FROM core_outboxevent
        WHERE company_id = asked.company AND mode = asked.mode
    )
    FROM unnest(%s::uuid[], %s::text[]) WITH ORDINALITY AS asked (company, mode, number)
"""


def newest_position() -> int:
    """Return the highest event position of the current tenant, 0 if there is none."""
    found: int | None = (
        OutboxEvent.objects.filter(position__isnull=False)
        .order_by("-position")
        .values_list("position", flat=True)
        .first()
    )
    return found or 0


def newest_positions(tenants: Collection[Tenant]) -> dict[Tenant, int]:
    """Return the highest event position of each of `tenants`, in one query. Raises Django's database errors."""
    asked = list(tenants)
    with system_context(reason="have pollers' companies new events"), connection.cursor() as cursor:
        cursor.execute(_NEWEST, [[each.company_id for each in asked], [each.mode for each in asked]])
        return {asked[number - 1]: position or 0 for number, position in cursor.fetchall()}
