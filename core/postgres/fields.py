"""Column types and expressions PostgreSQL has and Django does not."""

from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper


class NextValue(models.Func):
    """`nextval(sequence)`: numbers in the order in which rows are inserted, whatever the clocks of the nodes say."""

    template = "nextval('%(sequence)s')"
    arity = 0

    def __init__(self, sequence: str) -> None:
        super().__init__(output_field=models.BigIntegerField())
        self.extra["sequence"] = sequence


class LastValue(models.Func):
    """The number that was drawn last from a sequence, by whomever; 0 before the first."""

    template = "coalesce(pg_sequence_last_value('%(sequence)s'::regclass), 0)"
    arity = 0

    def __init__(self, sequence: str) -> None:
        super().__init__(output_field=models.BigIntegerField())
        self.extra["sequence"] = sequence


class TransactionIdField(models.Field):  # type: ignore[type-arg]  # not generic when it runs
    """What the first migrations named; nothing uses it. Transaction ids begin anew in every cluster: none is kept."""

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
    """`pg_current_xact_id()`, the default of a TransactionIdField."""

    function = "pg_current_xact_id"
    arity = 0

    def __init__(self) -> None:
        super().__init__(output_field=models.TextField())
