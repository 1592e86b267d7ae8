"""Many copies of a row, for what only a large table shows, and how PostgreSQL would read it."""

import json
import re
from typing import Any

import psycopg
import pytest
from django.apps import apps
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core.tenancy import Tenant, TenantModel, tenant_context
from tests.clients import ApiClient
from tests.engines import superuser_url


def model_of(public_id: str) -> type[TenantModel]:
    """Return the model whose rows have identifiers like this one."""
    prefix = public_id.rpartition("_")[0]
    return next(m for m in apps.get_models() if issubclass(m, TenantModel) and m.id_prefix == prefix)


def plans_behind(
    client: ApiClient, address: str, *, reads: str, tenant: Tenant, analyze: bool = False
) -> list[dict[str, Any]]:
    """Open an address, and return the plan of each of its statements that match `reads`, as `tenant` under its policies."""
    with CaptureQueriesContext(connection) as captured:
        answer = client.get(address)
    assert answer.status == 200, (address, answer)
    plans = []
    for statement in captured:
        found = re.search(reads, statement["sql"], re.DOTALL)
        if not found:
            continue
        options = "ANALYZE, FORMAT JSON" if analyze else "FORMAT JSON"
        with tenant_context(tenant), connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN ({options}) {found[0].replace('%', '%%')}", [])
            raw = cursor.fetchone()[0]
        plans.append((json.loads(raw) if isinstance(raw, str) else raw)[0]["Plan"])
    return plans


def clone(row: TenantModel, count: int, *, analyze: bool = True) -> None:
    """Insert `count` copies of `row`, each with an id and unique texts of its own; `analyze` lets PostgreSQL know of them.

    As superuser and without triggers: what the copies refer to, and the sums they should add up to, do not matter here.
    """
    table = row._meta.db_table
    with psycopg.connect(superuser_url(), autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        found = connection.execute(
            "SELECT a.attname, format_type(a.atttypid, NULL), EXISTS ("
            "  SELECT FROM pg_index x WHERE x.indrelid = a.attrelid AND x.indisunique AND a.attnum = ANY (x.indkey)) "
            "FROM pg_attribute a WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped "
            "AND a.attgenerated = ''",
            [table],
        ).fetchall()
        values = {name: _copied(name, kind, unique) for name, kind, unique in found}
        columns = ", ".join(f'"{name}"' for name in values)
        connection.execute(
            f'INSERT INTO "{table}" ({columns}) SELECT {", ".join(values.values())} '
            f'FROM "{table}" t, generate_series(1, %s) n WHERE t.id = %s',
            [count, row.pk],
        )
        if analyze:
            connection.execute(f'ANALYZE "{table}"')


def multiply(public_id: str, count: int, *, tenant: Tenant, request: pytest.FixtureRequest) -> TenantModel:
    """Return this object of `tenant`, of which there are `count` copies until the end of the test.

    Then they go, because tests that look at a whole table must not find them.
    """
    with tenant_context(tenant):
        row = model_of(public_id).by_public_id(public_id)
    clone(row, count)
    request.addfinalizer(lambda: remove_clones(row))
    return row


def remove_clones(row: TenantModel) -> None:
    """Delete the copies; the row itself may be part of a sealed chain."""
    with psycopg.connect(superuser_url(), autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(
            f'DELETE FROM "{row._meta.db_table}" WHERE company_id = %s AND id <> %s', [row.company_id, row.pk]
        )


def _copied(name: str, kind: str, unique: bool) -> str:
    if name == "id":
        return "uuidv7()"
    if unique and name != "mode" and kind.startswith(("character", "text")):
        # What is empty stays so: of some origins it has to.
        return f"CASE t.\"{name}\" WHEN '' THEN '' ELSE left(t.\"{name}\", 20) || '-' || n END"
    if unique and kind in ("integer", "bigint", "smallint"):
        return f't."{name}" + n'
    # One more identifier in a unique key (a delivery's event) differs from copy to copy; the first stays (its endpoint).
    if unique and kind == "uuid" and name in ("event_id", "message_id"):
        return "uuidv7()"
    return f't."{name}"'
