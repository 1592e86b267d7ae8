"""Many rows of a tenant by one statement, for places where a row costs more to build with the ORM than to store.

The rows travel as one JSON text, which PostgreSQL takes apart by the columns' own types (`json_to_recordset`): about a
seventh of `bulk_create`'s work in this process. Both walls stand: the tenant is the current one, and row-level security
checks every row.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import orjson
from django.db import connection

from core import clock, ids
from core.postgres.later import send_later
from core.tenancy import TenantModel, require_tenant


def insert_rows(
    model: type[TenantModel], rows: Sequence[Mapping[str, Any]], *, ignore_conflicts: bool = False
) -> None:
    """Insert `rows`, mappings from column to a value JSON can hold (no bytes), all with the same columns.

    `id`, `company_id`, `mode` and `created` are filled in where a row does not name them; columns with a default in the
    database may be left out. With `ignore_conflicts`, rows that a unique constraint refuses are left out. Like
    `insert_later`, it travels with the transaction's next statement, or with its commit, which raises what the database
    refuses. Raises core.tenancy.TenantRequired outside of a tenant.
    """
    tenant = require_tenant()
    if len(rows) == 1 and not ignore_conflicts:
        model.objects.insert_later([model(**rows[0])])
    elif rows:
        own = {"company_id": tenant.company_id, "mode": tenant.mode, "created": clock.now()}
        full = [{"id": ids.new_id(), **own, **row} for row in rows]
        # Keys may be numbers or choices, as JSONField allows.
        text = orjson.dumps(full, option=orjson.OPT_NON_STR_KEYS).decode()
        send_later(_statement(model, tuple(full[0]), ignore_conflicts), [text])


@lru_cache(maxsize=64)
def _statement(model: type[TenantModel], columns: tuple[str, ...], ignore_conflicts: bool) -> str:
    quote = connection.ops.quote_name
    types = {field.column: field.db_type(connection) for field in model._meta.concrete_fields}
    names = ", ".join(quote(column) for column in columns)
    typed = ", ".join(f"{quote(column)} {types[column]}" for column in columns)
    conflict = " ON CONFLICT DO NOTHING" if ignore_conflicts else ""
    return (
        f"INSERT INTO {quote(model._meta.db_table)} ({names}) "  # noqa: S608  names of our own models
        f"SELECT {names} FROM json_to_recordset(%s) AS v({typed}){conflict}"
    )
