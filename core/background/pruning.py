"""Removing rows that were kept long enough: in steps, each a short transaction, so that nobody waits for long."""

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
    """Run a DELETE that removes at most `%(step)s` rows of `table`, until one finds fewer; return how many went."""
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
