"""Deletes expired rows in batches, each in a short transaction, so that locks are held only briefly."""

from collections.abc import Mapping
from typing import Any

from django.db import connection
from prometheus_client import Counter

from core.tenancy import system_context

STEP = 1000
PRUNED = Counter(
    "pomelo_pruned_rows_total", "Rows that were removed because they had been kept long enough", ["table"]
)


def in_steps(
    table: str, statement: str, params: Mapping[str, Any], *, reason: str, max_steps: int, step: int = STEP
) -> int:
    """Run a DELETE of at most `%(step)s` rows of `table` until one finds fewer; return the number of rows deleted."""
    removed = 0
    for _ in range(max_steps):
        with system_context(reason=reason), connection.cursor() as cursor:
            cursor.execute(statement, {**params, "step": step})
            count = cursor.rowcount
        PRUNED.labels(table).inc(count)
        removed += count
        if count < step:
            break
    return removed
