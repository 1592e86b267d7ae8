"""Reading a log newest first, a few days at a time.

A page of twenty rows lies in the newest one or two partitions nearly always. One statement over all of them would be
planned for each of ninety (or a hundred and twenty, with those made ahead) times ten indexes, which costs far more than
running it; a window of the identifier lets PostgreSQL leave the others out before it plans.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from core import clock
from core.values.ids import first_id

# How far back the statements reach, in whole days before today: nearly always the first one fills the page.
STEPS = (1, 7, 30)


def newest(queryset: QuerySet[Any], count: int) -> list[Any]:
    """Return the first `count` rows of `queryset`, newest first."""
    found: list[Any] = []
    for lower, upper in _windows():
        window = (
            queryset.filter(pk__lt=upper) if lower is None else queryset.filter(pk__gte=lower, pk__lt=upper)
        )
        found += window.order_by("-pk")[: count - len(found)]
        if len(found) == count:
            break
    return found


def _windows() -> Iterator[tuple[UUID | None, UUID]]:
    """Yield half-open ranges of identifiers, the newest first; the last one has no beginning."""
    today = clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
    # Clocks differ a little: a row of tomorrow may be there just before midnight.
    upper = first_id(today + timedelta(days=2))
    for days in STEPS:
        lower = first_id(today - timedelta(days=days))
        yield lower, upper
        upper = lower
    yield None, upper
