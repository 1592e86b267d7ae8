"""Column types PostgreSQL has and Django does not."""

from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper


class TransactionIdField(models.Field):
    """The 64-bit id of the transaction that wrote the row (`xid8`), filled in by the database.

    Rows of transactions that may still commit have an id at or above `pg_snapshot_xmin(pg_current_snapshot())`; a reader
    that walks rows in order takes only those below it, since a slow commit may carry an older row id (DESIGN §9).
    """

    def __init__(self, **kwargs: Any) -> None:
        kwargs.update(editable=False, db_default=CurrentTransactionId())
        super().__init__(**kwargs)

    def deconstruct(self) -> Any:
        """Describe the field to migrations without its constant arguments."""
        name, path, args, kwargs = super().deconstruct()
        kwargs.pop("editable", None)
        kwargs.pop("db_default", None)
        return name, path, args, kwargs

    def db_type(self, connection: BaseDatabaseWrapper) -> str:
        """Return the column type."""
        return "xid8"


class CurrentTransactionId(models.Func):
    """`pg_current_xact_id()`: the id of the transaction that runs the statement."""

    function = "pg_current_xact_id"
    arity = 0

    def __init__(self) -> None:
        super().__init__(output_field=models.TextField())


class OldestRunningTransaction(models.Func):
    """`pg_snapshot_xmin(pg_current_snapshot())`: every transaction below it has ended."""

    template = "pg_snapshot_xmin(pg_current_snapshot())"
    arity = 0

    def __init__(self) -> None:
        super().__init__(output_field=models.TextField())
