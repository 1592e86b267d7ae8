"""Writes a tenant's rows in one statement, for hot paths where building a row with the ORM costs more than storing it.

Several rows are sent as one JSON text, which PostgreSQL expands by the columns' types (`json_to_recordset`): about a
seventh of the CPU time of `bulk_create`. A single row is sent as `VALUES`, which saves PostgreSQL a third of its work on the
statement. Tenant isolation is unaffected: rows go to the current tenant, and row-level security checks each of them.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache, lru_cache
from typing import Any
from uuid import UUID

import orjson
from django.db import DEFAULT_DB_ALIAS, connection
from django.db.models import JSONField, UniqueConstraint
from django.db.models.expressions import DatabaseDefault

from core import clock
from core.postgres.later import send_later
from core.tenancy import TenantModel, require_tenant
from core.values import ids


def insert_rows(
    model: type[TenantModel], rows: Sequence[Mapping[str, Any]], *, ignore_conflicts: bool = False
) -> None:
    """Insert `rows`: mappings from column to a JSON value or bytes, all with the same columns.

    `id`, `company_id`, `mode` and `created` are filled in where a row does not name them; columns with a default in the
    database may be left out. With `ignore_conflicts`, rows that a unique constraint refuses are left out.

    The statement is queued for the transaction's next one (core.postgres.later), and every later query sees the rows. Use it
    only for rows that no caller's input can make fail, such as log entries: an error would be raised by that next statement,
    or by the commit. Raises core.tenancy.TenantRequired outside of a tenant.
    """
    tenant = require_tenant()
    if rows:
        own = {"company_id": tenant.company_id, "mode": tenant.mode, "created": clock.now()}
        full = [{"id": ids.new_id(), **own, **row} for row in rows]
        conflict = " ON CONFLICT DO NOTHING" if ignore_conflicts else ""
        send_later(*_insert(model, full, conflict))


def update_rows(model: type[TenantModel], rows: Sequence[Mapping[str, Any]]) -> None:
    """Update the current tenant's rows by `id`; `rows` are mappings like those of `insert_rows`.

    The statement is queued in the same way. It locks rows in the order given, so the caller must hold a lock that keeps
    others from the same rows, or deadlocks are possible. A row that was deleted stays deleted. Of several rows, each is
    written by an INSERT that conflicts (ADR 16), so the model must have no BEFORE INSERT trigger and no generated column.
    """
    tenant = require_tenant()
    if not rows:
        return
    columns = tuple(column for column in rows[0] if column != "id")
    owner = [str(tenant.company_id), tenant.mode]
    if len(rows) > 1:
        send_later(_update_from_json(model, columns), [_dump(rows), *owner])
        return
    values = [_parameter(model, column, rows[0][column]) for column in (*columns, "id")]
    send_later(_update_one(model, columns), [*values, *owner])


def insert_row(row: TenantModel, *, unless: str) -> bool:
    """Insert `row` into the current tenant immediately; return False when it violates the unique constraint named by `unless`.

    The transaction stays usable in that case, without a savepoint. A violation of any other constraint raises as usual.
    Database defaults must be constants; they are set on `row` too. Raises core.tenancy.TenantRequired outside of a tenant.
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
        cursor.execute(*_insert(type(row), [values], _unless(type(row), unless)))
        inserted: bool = cursor.rowcount == 1
    if inserted:
        row._state.adding, row._state.db = False, DEFAULT_DB_ALIAS  # noqa: SLF001  as Django leaves a saved row
    return inserted


def _insert(
    model: type[TenantModel], rows: Sequence[Mapping[str, Any]], conflict: str
) -> tuple[str, list[str | None]]:
    """Return the statement that inserts `rows`, and its parameters."""
    columns = tuple(rows[0])
    if len(rows) > 1:
        return _from_json(model, columns, conflict), [_dump(rows)]
    parameters = [_parameter(model, column, value) for column, value in rows[0].items()]
    return _from_values(model, columns, conflict), parameters


def _parameter(model: type[TenantModel], column: str, value: Any) -> str | None:
    return _as_text(value) if value is None or column not in _json_columns(model) else _dump(value)


def _dump(value: Any) -> str:
    # Keys may be numbers or choices, as JSONField allows.
    return orjson.dumps(value, default=_as_hexadecimal, option=orjson.OPT_NON_STR_KEYS).decode()


def _as_hexadecimal(value: Any) -> str:
    """Return bytes in PostgreSQL's hex format. Raises TypeError for any other type that JSON cannot represent."""
    if isinstance(value, bytes):
        return rf"\x{value.hex()}"
    raise TypeError(f"{type(value).__name__} cannot be written as a value of a row")


def _as_text(value: Any) -> str | None:
    """Return a value as text for PostgreSQL to parse by its column's type; None is NULL. Raises TypeError for unsupported types."""
    if value is None or type(value) is str:
        return value
    if isinstance(value, date):  # a datetime is one
        return value.isoformat()
    if isinstance(value, (str, UUID, int, float)):  # a choice is a text; PostgreSQL reads True and False
        return str(value)
    return _as_hexadecimal(value)


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


@cache
def _json_columns(model: type[TenantModel]) -> frozenset[str]:
    return frozenset(
        str(field.column) for field in model._meta.concrete_fields if isinstance(field, JSONField)
    )


@lru_cache(maxsize=128)
def _from_values(model: type[TenantModel], columns: tuple[str, ...], conflict: str) -> str:
    quote = connection.ops.quote_name
    names, places = ", ".join(map(quote, columns)), ", ".join(["%s"] * len(columns))
    return f"INSERT INTO {quote(model._meta.db_table)} ({names}) VALUES ({places}){conflict}"  # noqa: S608  names of our own models


@lru_cache(maxsize=128)
def _from_json(model: type[TenantModel], columns: tuple[str, ...], conflict: str) -> str:
    quote = connection.ops.quote_name
    types = {field.column: field.db_type(connection) for field in model._meta.concrete_fields}
    names = ", ".join(quote(column) for column in columns)
    typed = ", ".join(f"{quote(column)} {types[column]}" for column in columns)
    return (
        f"INSERT INTO {quote(model._meta.db_table)} ({names}) "  # noqa: S608  names of our own models
        f"SELECT {names} FROM json_to_recordset(%s) AS v({typed}){conflict}"
    )


@lru_cache(maxsize=32)
def _update_one(model: type[TenantModel], columns: tuple[str, ...]) -> str:
    quote = connection.ops.quote_name
    changes = ", ".join(f"{quote(column)} = %s" for column in columns)
    return (
        f"UPDATE {quote(model._meta.db_table)} SET {changes} WHERE id = %s AND company_id = %s AND mode = %s"  # noqa: S608  names of our own models
    )


@lru_cache(maxsize=32)
def _update_from_json(model: type[TenantModel], columns: tuple[str, ...]) -> str:
    """Return the statement that updates rows: each is read and locked by its id, and written by the primary key's conflict.

    The lock is the one that UPDATE takes. Without it, a row that is deleted after it was read would be inserted again.

    A plain UPDATE … FROM is a join, for which PostgreSQL may read all rows of the company: when it has no statistics of a table, or not
    of a company yet, it takes them for a single one (ADR 16).
    """
    quote = connection.ops.quote_name
    table = quote(model._meta.db_table)
    types = {str(field.column): field.db_type(connection) for field in model._meta.concrete_fields}
    names = ", ".join(map(quote, types))
    values = ", ".join(f"{'v' if column in columns else 'r'}.{quote(column)}" for column in types)
    typed = ", ".join(f"{quote(column)} {types[column]}" for column in ("id", *columns))
    changes = ", ".join(f"{quote(column)} = excluded.{quote(column)}" for column in columns)
    return (
        f"INSERT INTO {table} ({names}) SELECT {values} FROM json_to_recordset(%s) AS v({typed}) "  # noqa: S608  names of our own models
        f"CROSS JOIN LATERAL (SELECT * FROM {table} WHERE id = v.id AND company_id = %s AND mode = %s FOR NO KEY UPDATE) r "
        f"ON CONFLICT (id) DO UPDATE SET {changes}"
    )
