"""Rows of a tenant written by one statement, for places where a row costs more to build with the ORM than to store.

The rows travel as one JSON text, which PostgreSQL takes apart by the columns' own types (`json_to_recordset`): about a
seventh of `bulk_create`'s work in this process. Both walls stand: the tenant is the current one, and row-level security
checks every row.
"""

from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from typing import Any

import orjson
from django.db import DEFAULT_DB_ALIAS, connection
from django.db.models import UniqueConstraint
from django.db.models.expressions import DatabaseDefault

from core import clock
from core.postgres.later import send_later
from core.tenancy import TenantModel, require_tenant
from core.values import ids


def insert_rows(
    model: type[TenantModel], rows: Sequence[Mapping[str, Any]], *, ignore_conflicts: bool = False
) -> None:
    """Insert `rows`, mappings from column to a value JSON can hold or bytes, all with the same columns.

    `id`, `company_id`, `mode` and `created` are filled in where a row does not name them; columns with a default in the
    database may be left out. With `ignore_conflicts`, rows that a unique constraint refuses are left out.

    The statement waits for the transaction's next one (core.postgres.later), and every later query sees the rows. So it is
    for rows that no caller's input can make fail, such as a record of what was done: the failure would be raised by that
    next statement, or by the commit. Raises core.tenancy.TenantRequired outside of a tenant.
    """
    tenant = require_tenant()
    if rows:
        own = {"company_id": tenant.company_id, "mode": tenant.mode, "created": clock.now()}
        full = [{"id": ids.new_id(), **own, **row} for row in rows]
        conflict = " ON CONFLICT DO NOTHING" if ignore_conflicts else ""
        send_later(_statement(model, tuple(full[0]), conflict), [_as_json(full)])


def insert_row(row: TenantModel, *, unless: str) -> bool:
    """Insert `row` into the current tenant, at once; False when the unique constraint of this name refuses it.

    The transaction then goes on as if nothing had been tried, without a savepoint. What another constraint refuses is an error,
    as it is anywhere. Defaults in the database must be constants,
    which the row is given too. Raises core.tenancy.TenantRequired outside of a tenant.
    """
    tenant = require_tenant()
    row.company_id, row.mode = tenant.company_id, tenant.mode
    values = {}
    for column, name in _columns(type(row)):
        value = getattr(row, name)
        if isinstance(value, DatabaseDefault):
            value = value.expression.value  # type: ignore[attr-defined]  # which the stubs leave out
            setattr(row, name, value)
        values[column] = value
    with connection.cursor() as cursor:
        cursor.execute(_statement(type(row), tuple(values), _unless(type(row), unless)), [_as_json([values])])
        inserted: bool = cursor.rowcount == 1
    if inserted:
        row._state.adding, row._state.db = False, DEFAULT_DB_ALIAS  # noqa: SLF001  as Django leaves a saved row
    return inserted


def _as_json(rows: list[dict[str, Any]]) -> str:
    # Keys may be numbers or choices, as JSONField allows.
    return orjson.dumps(rows, default=_as_hexadecimal, option=orjson.OPT_NON_STR_KEYS).decode()


def _as_hexadecimal(value: Any) -> str:
    """Return bytes as PostgreSQL reads them. Raises TypeError for anything else."""
    if isinstance(value, bytes):
        return rf"\x{value.hex()}"
    raise TypeError(f"{type(value).__name__} has no form in JSON")


@cache
def _columns(model: type[TenantModel]) -> list[tuple[str, str]]:
    return [(str(field.column), field.attname) for field in model._meta.concrete_fields]


@cache
def _unless(model: type[TenantModel], name: str) -> str:
    [constraint] = [
        each for each in model._meta.constraints if isinstance(each, UniqueConstraint) and each.name == name
    ]
    quote = connection.ops.quote_name
    columns = ", ".join(quote(str(model._meta.get_field(field).column)) for field in constraint.fields)  # type: ignore[union-attr]
    condition = constraint._get_condition_sql(model, connection.schema_editor())  # type: ignore[attr-defined]  # noqa: SLF001
    return f" ON CONFLICT ({columns}){f' WHERE {condition}' if condition else ''} DO NOTHING"


@lru_cache(maxsize=128)
def _statement(model: type[TenantModel], columns: tuple[str, ...], conflict: str) -> str:
    quote = connection.ops.quote_name
    types = {field.column: field.db_type(connection) for field in model._meta.concrete_fields}
    names = ", ".join(quote(column) for column in columns)
    typed = ", ".join(f"{quote(column)} {types[column]}" for column in columns)
    return (
        f"INSERT INTO {quote(model._meta.db_table)} ({names}) "  # noqa: S608  names of our own models
        f"SELECT {names} FROM json_to_recordset(%s) AS v({typed}){conflict}"
    )
