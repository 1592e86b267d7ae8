"""Rows whose INSERT waits for the transaction's next statement, with SQL that is compiled once per model."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from django.db import connection
from django.db.models import NOT_PROVIDED, Field, Model

from core.postgres.later import send_later


class _Template:
    """`INSERT INTO …` for one model: every column except those that the database fills in itself."""

    def __init__(self, model: type[Model]) -> None:
        quote = connection.ops.quote_name
        self.fields: list[Field[Any, Any]] = [
            field
            for field in model._meta.concrete_fields
            if field.db_default is NOT_PROVIDED and not field.generated
        ]
        columns = ", ".join(quote(str(field.column)) for field in self.fields)
        self._head = f"INSERT INTO {quote(model._meta.db_table)} ({columns}) VALUES "  # noqa: S608 - quoted names of our own
        self._row = f"({', '.join(['%s'] * len(self.fields))})"

    def sql(self, rows: int) -> str:
        """Return the statement for so many rows."""
        return self._head + ", ".join([self._row] * rows)


@cache
def _template(model: type[Model]) -> _Template:
    return _Template(model)


def insert_later(rows: Sequence[Model]) -> None:
    """Insert `rows`, which are of one model, together with the transaction's next statement (core.postgres.later).

    The objects learn nothing of it: what the database fills in stays unset.
    """
    template = _template(type(rows[0]))
    params = [
        field.get_db_prep_save(field.pre_save(row, add=True), connection=connection)
        for row in rows
        for field in template.fields
    ]
    send_later(template.sql(len(rows)), params)
