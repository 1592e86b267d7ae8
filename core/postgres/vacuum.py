"""Storage parameters for tables with a high churn of rows, for use in migrations."""

from django.db.migrations import RunSQL

# PostgreSQL vacuums a table once a fifth of its rows is dead (and analyzes it once a tenth has changed). For a queue that keeps finished
# rows, that is millions of dead entries in the index used to find the next work. So: a hundredth, at ten times the pace.
_SOONER = {
    "autovacuum_vacuum_scale_factor": "0.01",
    "autovacuum_vacuum_threshold": "1000",
    "autovacuum_vacuum_insert_scale_factor": "0.05",
    "autovacuum_analyze_scale_factor": "0.02",
    "autovacuum_vacuum_cost_limit": "2000",
}
# Half of each page stays free for new row versions, so that incrementing a counter touches no index (HOT updates).
_COUNTERS = {"fillfactor": "50"}


def vacuum_sooner(*tables: str) -> list[RunSQL]:
    """Return operations that make autovacuum run early and fast on these tables. They block neither readers nor writers."""
    return [_set(table, _SOONER) for table in tables]


def leave_room(*tables: str) -> list[RunSQL]:
    """Return operations that leave free space on each page for new row versions, for small tables of counters."""
    return [_set(table, _COUNTERS) for table in tables]


def _set(table: str, parameters: dict[str, str]) -> RunSQL:
    values = ", ".join(f"{name} = {value}" for name, value in parameters.items())
    return RunSQL(
        f"ALTER TABLE {table} SET ({values})", f"ALTER TABLE {table} RESET ({', '.join(parameters)})"
    )
