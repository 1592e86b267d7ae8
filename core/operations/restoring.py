"""What a restored database needs before it serves: `manage.py verify_platform` takes every step, in this order.

A step mends what it can, returns a line that says what it found and did, and raises Broken when a person has to decide.
It may be repeated. Apps add theirs from their AppConfig.
"""

from typing import Protocol

from django.db import connections

from core.models import EVENT_POSITIONS, EVENT_SEQUENCE, OutboxEvent

OWNER = "owner"


class Broken(RuntimeError):
    """Something that cannot be mended by itself; the message says what to do."""


class Step(Protocol):
    """One step. `accept_loss`: the operator knows that what came after the backup is gone."""

    def __call__(self, *, accept_loss: bool) -> str: ...


STEPS: dict[str, Step] = {}


def set_counter_on(sequence: str, table: str, column: str) -> bool:
    """Let `sequence` go on after the largest number in use; return whether it had been set back.

    A dump brings its counters along; a copy by logical replication, or of single tables, does not.
    """
    with connections[OWNER].cursor() as cursor:
        cursor.execute(
            f"SELECT setval('{sequence}', used.last) FROM (SELECT max({column}) AS last FROM {table}) used "  # noqa: S608 - our own names
            f"WHERE used.last > (SELECT last_value FROM {sequence})"
        )
        return cursor.fetchone() is not None


def check_counters(*, accept_loss: bool = False) -> str:
    """Let the counters of events go on after the numbers that were given."""
    table = OutboxEvent._meta.db_table
    behind = [
        sequence
        for sequence, column in ((EVENT_SEQUENCE, "sequence"), (EVENT_POSITIONS, "position"))
        if set_counter_on(sequence, table, column)
    ]
    return f"set on: {', '.join(behind)}" if behind else "after every number in use"


def open_tables(using: str = OWNER) -> list[str]:
    """Return companies' tables without row-level security. Any role may ask."""
    with connections[using].cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
            "JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'company_id' AND NOT a.attisdropped "
            "WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relrowsecurity ORDER BY 1"
        )
        return [name for (name,) in cursor.fetchall()]


def check_walls(*, accept_loss: bool = False) -> str:
    """Refuse a database in which a company's table has lost its row-level security. Raises Broken."""
    found = open_tables()
    if found:
        raise Broken(f"row-level security is off on {', '.join(found)}: restore the whole schema")
    return "row-level security is on"


STEPS["walls"] = check_walls
STEPS["counters"] = check_counters
