"""PostgreSQL expressions that Django lacks, for use as column defaults."""

from django.db import models


class _OfSequence(models.Func):
    arity = 0

    def __init__(self, sequence: str) -> None:
        super().__init__(output_field=models.BigIntegerField())
        self.extra["sequence"] = sequence


class NextValue(_OfSequence):
    """`nextval(sequence)`: numbers rows in insertion order, independent of any node's clock."""

    template = "nextval('%(sequence)s')"


class LastValue(_OfSequence):
    """The last number drawn from a sequence, by any session; 0 before the first."""

    template = "coalesce(pg_sequence_last_value('%(sequence)s'::regclass), 0)"
