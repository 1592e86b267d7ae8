"""Pipelined statements have the same effects as with Django's own backend (core.postgres, ADR 8).

Hypothesis generates programs of queries, deferred writes, batches, savepoints, scopes and failures. Each runs on our connection and
on a plain Django one, which sets the scope before every statement; results, failures and committed rows must be the same.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from copy import deepcopy
from typing import Any

import pytest
from django.db import DatabaseError, connection, connections, transaction
from django.db.backends.postgresql import base
from hypothesis import given, settings
from hypothesis import strategies as st

from core.postgres.copying import copying
from core.postgres.later import ending_with_next_query, send_later
from core.tenancy import TenantScope, current_scope, system_context, tenant_context
from tests.factories import World

PLAIN = "plain"
TAKEN = "taken"


class Boom(Exception):
    """What a block raises to be rolled back."""


class Side:
    """One of the two connections, with a table of its own and a record of what the program saw on it."""

    def __init__(self, alias: str, table: str) -> None:
        self.alias, self.table, self.seen = alias, table, []

    def execute(self, sql: str, *params: Any) -> Any:
        with connections[self.alias].cursor() as cursor:
            cursor.execute(sql.replace("TABLE", f'"{self.table}"'), params or None)
            return cursor.fetchall() if cursor.description else None

    def read(self) -> None:
        self.seen.append(self.execute("SELECT name, scope FROM TABLE ORDER BY name"))

    def insert(self, name: str) -> None:
        self.execute("INSERT INTO TABLE (name) VALUES (%s)", name)

    def many(self, name: str) -> None:
        with connections[self.alias].cursor() as cursor:
            cursor.executemany(
                f'INSERT INTO "{self.table}" (name) VALUES (%s)', [(f"{name}a",), (f"{name}b",)]
            )

    def atomic(self) -> AbstractContextManager[Any]:
        return transaction.atomic(using=self.alias)

    def later(self, name: str) -> None:
        raise NotImplementedError

    def last_read(self) -> None:
        raise NotImplementedError

    def copy(self, name: str) -> None:
        raise NotImplementedError

    def scope(self, scope: TenantScope) -> AbstractContextManager[None]:
        raise NotImplementedError


class Ours(Side):
    def later(self, name: str) -> None:
        send_later(f'INSERT INTO "{self.table}" (name) VALUES (%s)', [name])

    def last_read(self) -> None:
        with ending_with_next_query():
            self.read()

    def copy(self, name: str) -> None:
        with copying(f'COPY "{self.table}" (name) FROM STDIN') as copy:
            copy.write_row([name])

    def scope(self, scope: TenantScope) -> AbstractContextManager[None]:
        return (
            tenant_context(scope.tenant) if scope.tenant else system_context(reason=scope.system_reason or "")
        )


class Plain(Side):
    """Sets what the scope says in front of each statement."""

    current = current_scope()

    def execute(self, sql: str, *params: Any) -> Any:
        self._apply()
        return super().execute(sql, *params)

    def _apply(self) -> None:
        tenant = self.current.tenant
        values = [str(tenant.company_id), tenant.mode] if tenant else ["", ""]
        super().execute(
            "SELECT set_config('app.company', %s, true), set_config('app.mode', %s, true)", *values
        )
        super().execute(f"SET LOCAL ROLE {'system' if self.current.system_reason else 'NONE'}")

    def many(self, name: str) -> None:
        self._apply()
        super().many(name)

    def later(self, name: str) -> None:
        self.insert(name)

    def last_read(self) -> None:
        self.read()

    def copy(self, name: str) -> None:
        self._apply()
        plain = connections[self.alias]
        with (
            plain.wrap_database_errors,  # Django wraps what a query raises, and not what its COPY does
            plain.cursor() as cursor,
            cursor.copy(f'COPY "{self.table}" (name) FROM STDIN') as copy,
        ):
            copy.write_row([name])

    @contextmanager
    def scope(self, scope: TenantScope) -> Iterator[None]:
        if scope == self.current:
            yield  # as ours: a scope within the same one is no savepoint
            return
        before, self.current = self.current, scope
        try:
            with self.atomic():
                yield
        finally:
            self.current = before


def run(
    side: Side, program: list[Any], names: Iterator[str], scopes: dict[str, TenantScope], within: str = ""
) -> None:
    """Run `program` on one side. What it raises is for the nearest savepoint, as in a service.

    A scope `within` the same one is no savepoint: nobody may go on after what failed in it.
    """
    acts: dict[str, Callable[[], None]] = {
        "read": side.read,
        "last read": side.last_read,
        "insert": lambda: side.insert(next(names)),
        "later": lambda: side.later(next(names)),
        "many": lambda: side.many(next(names)),
        "copy": lambda: side.copy(next(names)),
        "clash": lambda: side.insert(TAKEN),
        "clash in a batch": lambda: side.copy(TAKEN),
        "unwritable": lambda: side.insert("a\x00b"),
    }
    for step in program:
        if isinstance(step, str):
            acts[step]()
            continue
        kind, inner, fails = step
        caught = () if kind == within else (Boom, DatabaseError, ValueError)
        try:
            with side.atomic() if kind == "savepoint" else side.scope(scopes[kind]):
                run(side, inner, names, scopes, within if kind == "savepoint" else kind)
                if fails:
                    raise Boom
        except caught as error:
            side.seen.append(type(error))


LEAVES = st.sampled_from(
    [
        "read",
        "read",
        "insert",
        "insert",
        "later",
        "later",
        "later",
        "many",
        "copy",
        "last read",
        "clash",
        "clash in a batch",
        "unwritable",
    ]
)
PROGRAMS = st.recursive(
    st.lists(LEAVES, max_size=4),
    lambda inner: st.lists(
        LEAVES
        | st.tuples(
            st.sampled_from(["savepoint", "savepoint", "own", "other", "system"]), inner, st.booleans()
        ),
        max_size=4,
    ),
    max_leaves=12,
)


@pytest.fixture
def sides(world: World) -> Iterator[tuple[Ours, Plain]]:
    tables = "ours_of_the_test", "plain_of_the_test"
    scope = "current_setting('app.company', true) || '/' || current_setting('app.mode', true) || '/' || current_user"
    with connections["owner"].cursor() as cursor:
        for table in tables:
            cursor.execute(
                f"CREATE TABLE {table} (name text UNIQUE, scope text DEFAULT {scope});"
                f"GRANT ALL ON {table} TO app, system"
            )
    same_server = deepcopy(connection.settings_dict)
    same_server["OPTIONS"].pop("pool")
    plain = base.DatabaseWrapper(same_server, PLAIN)
    connections[PLAIN] = plain
    try:
        yield Ours("default", tables[0]), Plain(PLAIN, tables[1])
    finally:
        plain.close()
        del connections[PLAIN]
        connection.sends_apart = False  # type: ignore[attr-defined]
        with connections["owner"].cursor() as cursor:
            cursor.execute(f"DROP TABLE {', '.join(tables)}")


@pytest.mark.parametrize("apart", [False, True], ids=["together", "each by itself"])
def test_pipelined_statements_behave_as_separate_ones(
    world: World, sides: tuple[Ours, Plain], apart: bool
) -> None:
    scopes = {
        "own": TenantScope(tenant=world.tenant()),
        "other": TenantScope(tenant=world.other_tenant()),
        "system": TenantScope(system_reason="test of the statements"),
    }

    @settings(max_examples=150)
    @given(program=PROGRAMS, fails=st.booleans())
    def compare(program: Any, fails: Any) -> None:
        connection.sends_apart = apart  # type: ignore[attr-defined]
        for side in sides:
            side.seen = []
            with connections["owner"].cursor() as cursor:
                cursor.execute(f"TRUNCATE {side.table}; INSERT INTO {side.table} VALUES ('{TAKEN}', '')")
            names = (f"row {number}" for number in range(10_000))
            run(side, [("own", program, fails)], names, scopes)
            with side.atomic():
                side.read()
        ours, plain = sides
        assert ours.seen == plain.seen

    compare()
