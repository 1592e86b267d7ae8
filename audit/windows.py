"""Reads a log newest first, oldest first, or forward from a row, a few days at a time.

A page of twenty rows is almost always in the newest one or two partitions. A query over all ninety (or a hundred and twenty,
with those created in advance) would be planned for ten indexes each, which costs far more than running it. A window of ids lets
PostgreSQL prune the other partitions at planning time.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpRequest

from core import clock
from core.api.pagination import BACK, Page, paginate
from core.values.ids import first_id

# How many rows of a run that extends beyond its page are read at most, and how many at a time.
MOST_OF_A_RUN = 500
_RUN_STEPS = (20, MOST_OF_A_RUN - 20)
# How far back each query reaches, in whole days before today. The first one almost always fills the page.
STEPS = (1, 7, 30)


def newest(queryset: QuerySet[Any], count: int, beyond: UUID | None = None) -> list[Any]:
    """Return the first `count` rows of `queryset`, newest first; with `beyond`, of those older than that row."""
    if beyond is not None:
        queryset = queryset.filter(pk__lt=beyond)
    found: list[Any] = []
    for lower, upper in _windows():
        window = (
            queryset.filter(pk__lt=upper) if lower is None else queryset.filter(pk__gte=lower, pk__lt=upper)
        )
        found += window.order_by("-pk")[: count - len(found)]
        if len(found) == count:
            break
    return found


def oldest(queryset: QuerySet[Any], count: int, *, after: UUID, since: datetime | None = None) -> list[Any]:
    """Return the first `count` rows of `queryset` that are newer than the row `after`, oldest first.

    `since` is when the first rows are expected: the first window ends a day later, wherever it starts.
    """
    found: list[Any] = []
    for lower, upper in _windows_from(after, since):
        window = queryset.filter(pk__gt=lower, pk__lt=upper)
        found += window.order_by("pk")[: count - len(found)]
        if len(found) == count:
            break
    return found


def paginate_log(queryset: QuerySet[Any], request: Any, *, oldest_since: datetime | None = None) -> Page:
    """Return the page that `request` asks for, in either direction.

    With `oldest_since`, which is like `since` of `oldest`, it is oldest first. Raises FieldErrors for an invalid limit or cursor.
    """

    def read_newer(rows: QuerySet[Any], count: int, beyond: UUID | None) -> list[Any]:
        since = oldest_since if beyond is None else None
        return oldest(rows, count, after=beyond or UUID(int=0), since=since)

    if oldest_since is None:
        return paginate(queryset, request, read=newest, read_back=read_newer)
    return paginate(queryset, request, read=read_newer, read_back=newest)


def with_whole_run(
    page: Page,
    queryset: QuerySet[Any],
    request: HttpRequest,
    *,
    same: Callable[[Any], Any],
    oldest_first: bool = False,
) -> Page:
    """Return the page extended by the rest of a run split at its end: rows for which `same` returns the same value.

    Pages end between runs, so only the end that the page was read towards can split one. The rest of a run longer than
    MOST_OF_A_RUN is on the next page.
    """

    def newer(row: Any, count: int) -> list[Any]:
        return oldest(queryset, count, after=row.pk)

    def older(row: Any, count: int) -> list[Any]:
        return newest(queryset.filter(pk__lt=row.pk), count)

    if BACK in request.GET:
        if page.previous is None:
            return page
        more, goes_on = _rest_of_run(older if oldest_first else newer, page.items[0], same)
        items = [*reversed(more), *page.items]
        return replace(page, items=items, previous=items[0].public_id if goes_on else None)
    if page.following is None:
        return page
    more, goes_on = _rest_of_run(newer if oldest_first else older, page.items[-1], same)
    items = [*page.items, *more]
    following = items[-1].public_id if goes_on else None
    return replace(page, items=items, has_more=goes_on, next_cursor=following, following=following)


def _rest_of_run(
    read: Callable[[Any, int], list[Any]], end: Any, same: Callable[[Any], Any]
) -> tuple[list[Any], bool]:
    """Return the rows after `end` that belong to its run, and whether there are more rows after them."""
    found: list[Any] = []
    for count in _RUN_STEPS:
        rows = read(found[-1] if found else end, count)
        run = list(takewhile(lambda row: same(row) == same(end), rows))
        found += run
        if len(run) < count:
            return found, len(run) < len(rows)
    return found, True


def _windows_from(row_id: UUID, since: datetime | None) -> Iterator[tuple[UUID, UUID]]:
    """Yield open ranges of ids from `row_id` on, oldest first; the last one is unbounded."""
    begin, lower = (first_id(since) if since else row_id).int >> 80, row_id  # the millisecond (RFC 9562)
    for days in STEPS:
        upper = UUID(int=min(begin + days * 86_400_000, 2**48 - 1) << 80)
        yield lower, upper
        # The first id of the next window belongs to that window.
        lower = UUID(int=max(upper.int - 1, row_id.int))
    yield lower, UUID(int=2**128 - 1)


def _windows() -> Iterator[tuple[UUID | None, UUID]]:
    """Yield half-open ranges of ids, newest first; the last one has no lower bound."""
    today = clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
    # Clocks differ slightly, so rows of tomorrow may exist just before midnight.
    upper = first_id(today + timedelta(days=2))
    for days in STEPS:
        lower = first_id(today - timedelta(days=days))
        yield lower, upper
        upper = lower
    yield None, upper
