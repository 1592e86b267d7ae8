"""Expressions PostgreSQL has and Django does not, as defaults of columns."""

from django.db import models


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
