"""Rows whose INSERT waits for the transaction's next statement, with SQL that is compiled once per model."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from django.db import connection
from django.db.models import NOT_PROVIDED, Field, Model
from django.db.models.expressions import DatabaseDefault

from core.postgres.later import send_later


class _Template:
    """`INSERT INTO …` for one model: every column except `unset`, those that the database fills in itself."""

    def __init__(self, model: type[Model], unset: tuple[str, ...]) -> None:
        quote = connection.ops.quote_name
        self.fields: list[Field[Any, Any]] = [
            field
            for field in model._meta.concrete_fields
            if field.attname not in unset and not field.generated
        ]
        columns = ", ".join(quote(str(field.column)) for field in self.fields)
        self._head = f"INSERT INTO {quote(model._meta.db_table)} ({columns}) VALUES "  # noqa: S608 - quoted names of our own
        self._row = f"({', '.join(['%s'] * len(self.fields))})"

    def sql(self, rows: int) -> str:
        """Return the statement for so many rows."""
        return self._head + ", ".join([self._row] * rows)


@cache
def _template(model: type[Model], unset: tuple[str, ...]) -> _Template:
    return _Template(model, unset)


@cache
def _with_database_default(model: type[Model]) -> tuple[str, ...]:
    return tuple(
        field.attname for field in model._meta.concrete_fields if field.db_default is not NOT_PROVIDED
    )


def _unset(row: Model) -> tuple[str, ...]:
    """Return the columns with a default in the database for which the row has no value."""
    return tuple(
        name for name in _with_database_default(type(row)) if isinstance(getattr(row, name), DatabaseDefault)
    )


def insert_later(rows: Sequence[Model]) -> None:
    """Insert `rows`, which are of one model and have values for the same columns, together with the transaction's next statement (core.postgres.later).

    The objects learn nothing of it: what the database fills in stays unset.
    """
    unset = _unset(rows[0])
    assert all(_unset(row) == unset for row in rows[1:])
    template = _template(type(rows[0]), unset)
    params = [
        field.get_db_prep_save(field.pre_save(row, add=True), connection=connection)
        for row in rows
        for field in template.fields
    ]
    send_later(template.sql(len(rows)), params)
