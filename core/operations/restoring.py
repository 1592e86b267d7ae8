"""The steps of `manage.py verify_platform`, which prepare a restored database for serving, in this order.

A step repairs what it can, returns a line about what it found and did, and raises Broken if a person has to decide. Steps are
repeatable. Apps register theirs in their AppConfig.
"""

from typing import Protocol

from django.db import connections

from core.models import EVENT_POSITIONS, EVENT_SEQUENCE, OutboxEvent

OWNER = "owner"


class Broken(RuntimeError):
    """A problem that cannot be repaired automatically. The message says what to do."""


class Step(Protocol):
    """One step. `accept_loss`: the operator accepts that everything after the backup is lost."""

    def __call__(self, *, accept_loss: bool) -> str: ...


STEPS: dict[str, Step] = {}


def set_counter_on(sequence: str, table: str, column: str) -> bool:
    """Advance `sequence` beyond the largest value in use. Return whether it was behind.

    A dump includes its sequences; logical replication and copies of single tables do not.
    """
    with connections[OWNER].cursor() as cursor:
        cursor.execute(
            f"SELECT setval('{sequence}', used.last) FROM (SELECT max({column}) AS last FROM {table}) used "  # noqa: S608 - our own names
            f"WHERE used.last > (SELECT last_value FROM {sequence})"
        )
        return cursor.fetchone() is not None


def check_counters(*, accept_loss: bool = False) -> str:
    """Advance the sequences of events beyond the assigned values."""
    table = OutboxEvent._meta.db_table
    behind = [
        sequence
        for sequence, column in ((EVENT_SEQUENCE, "sequence"), (EVENT_POSITIONS, "position"))
        if set_counter_on(sequence, table, column)
    ]
    return f"set on: {', '.join(behind)}" if behind else "after every number in use"


def open_tables(using: str = OWNER) -> list[str]:
    """Return company-owned tables without row-level security. Any role may call this."""
    with connections[using].cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
            "JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'company_id' AND NOT a.attisdropped "
            "WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relrowsecurity ORDER BY 1"
        )
        return [name for (name,) in cursor.fetchall()]


def check_walls(*, accept_loss: bool = False) -> str:
    """Check that no company-owned table has lost its row-level security. Raises Broken."""
    found = open_tables()
    if found:
        raise Broken(f"row-level security is off on {', '.join(found)}: restore the whole schema")
    return "row-level security is on"


STEPS["walls"] = check_walls
STEPS["counters"] = check_counters
