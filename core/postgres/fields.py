"""PostgreSQL expressions that Django lacks, for use as column defaults."""

from django.db import models


class NextValue(models.Func):
    """`nextval(sequence)`: numbers rows in insertion order, independent of any node's clock."""

    template = "nextval('%(sequence)s')"
    arity = 0

    def __init__(self, sequence: str) -> None:
        super().__init__(output_field=models.BigIntegerField())
        self.extra["sequence"] = sequence


class LastValue(models.Func):
    """The last number drawn from a sequence, by any session; 0 before the first."""

    template = "coalesce(pg_sequence_last_value('%(sequence)s'::regclass), 0)"
    arity = 0

    def __init__(self, sequence: str) -> None:
        super().__init__(output_field=models.BigIntegerField())
        self.extra["sequence"] = sequence
