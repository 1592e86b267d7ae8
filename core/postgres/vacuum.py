"""Storage parameters of tables whose rows come, change and go all the time, for migrations."""

from django.db.migrations import RunSQL

# PostgreSQL vacuums a table once a fifth of its rows is dead (and reads it anew once a tenth has changed): of a queue that keeps what it
# has done, that is millions of dead entries in the index by which the next work is looked for. A hundredth, at ten times the pace.
_SOONER = {
    "autovacuum_vacuum_scale_factor": "0.01",
    "autovacuum_vacuum_threshold": "1000",
    "autovacuum_vacuum_insert_scale_factor": "0.05",
    "autovacuum_analyze_scale_factor": "0.02",
    "autovacuum_vacuum_cost_limit": "2000",
}
# Half of each page stays free for the next versions of its rows, so that a count that grows touches no index (HOT).
_COUNTERS = {"fillfactor": "50"}


def vacuum_sooner(*tables: str) -> list[RunSQL]:
    """Return the operations that let these tables be vacuumed early and quickly. They take no lock that stops readers or writers."""
    return [_set(table, _SOONER) for table in tables]


def leave_room(*tables: str) -> list[RunSQL]:
    """Return the operations that leave room for the next versions of rows of these tables: small ones, whose rows are counters."""
    return [_set(table, _COUNTERS) for table in tables]


def _set(table: str, parameters: dict[str, str]) -> RunSQL:
    values = ", ".join(f"{name} = {value}" for name, value in parameters.items())
    return RunSQL(
        f"ALTER TABLE {table} SET ({values})", f"ALTER TABLE {table} RESET ({', '.join(parameters)})"
    )
