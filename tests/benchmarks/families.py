"""Copies rows with all their children inside PostgreSQL, as the superuser.

The originals are created by the product's own services. Each copy has new IDs, its own timestamp, and copies of the original's
children, so that tables and indexes look as after real traffic.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import psycopg
from psycopg import sql

from tests.benchmarks.seeding import columns_of


@dataclass(frozen=True, slots=True)
class Table:
    """A table of a family. `parent` is its foreign key to the parent row. `changed` maps columns to expressions.

    Expressions may use `t` (the row to copy) and `c` (its number `n` and new ID `new`).
    """

    name: str
    parent: str = ""
    changed: Mapping[str, str] = field(default_factory=dict)
    children: Sequence["Table"] = ()


def copy_families(
    connection: psycopg.Connection, root: Table, originals: Sequence[object], count: int, *, over: timedelta
) -> None:
    """Insert `count` copies of the rows `originals` of `root` and of their children, spread evenly over the past."""
    connection.execute(
        sql.SQL(
            "CREATE TEMP TABLE {copies} AS SELECT n, (%(originals)s::uuid[])[1 + n %% %(variety)s] AS old, "
            "uuidv7(make_interval(secs => -%(apart)s * n)) AS new FROM generate_series(1, %(count)s) n"
        ).format(copies=_copies(root)),
        {
            "originals": list(originals),
            "variety": len(originals),
            "apart": over.total_seconds() / count,
            "count": count,
        },
    )
    _insert(connection, root)
    for child in root.children:
        _copy_children(connection, child, root)
    connection.execute(sql.SQL("DROP TABLE {}").format(_copies(root)))


def _copy_children(connection: psycopg.Connection, table: Table, parent: Table) -> None:
    connection.execute(
        sql.SQL(
            "CREATE TEMP TABLE {copies} AS SELECT p.n, t.id AS old, p.new AS parent, "
            "uuidv7(uuid_extract_timestamp(p.new) - clock_timestamp()) AS new "
            "FROM {table} t JOIN {parents} p ON p.old = t.{column}"
        ).format(
            copies=_copies(table),
            table=sql.Identifier(table.name),
            parents=_copies(parent),
            column=sql.Identifier(table.parent),
        )
    )
    _insert(connection, table)
    for child in table.children:
        _copy_children(connection, child, table)
    connection.execute(sql.SQL("DROP TABLE {}").format(_copies(table)))


def _insert(connection: psycopg.Connection, table: Table) -> None:
    changed = {"id": "c.new", "created": "uuid_extract_timestamp(c.new)", **table.changed}
    if table.parent:
        changed[table.parent] = "c.parent"
    names = columns_of(connection, table.name)
    connection.execute(
        sql.SQL(
            "INSERT INTO {table} ({names}) SELECT {values} FROM {copies} c JOIN {table} t ON t.id = c.old"
        ).format(
            table=sql.Identifier(table.name),
            names=sql.SQL(", ").join(map(sql.Identifier, names)),
            values=sql.SQL(", ").join(
                sql.SQL(changed[name]) if name in changed else sql.SQL("t.") + sql.Identifier(name)
                for name in names
            ),
            copies=_copies(table),
        )
    )


def _copies(table: Table) -> sql.Identifier:
    return sql.Identifier(f"copies_of_{table.name}")
