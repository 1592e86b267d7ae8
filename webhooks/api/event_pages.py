"""Pages of events in the order of their positions, which nothing is put in front of later: a poller misses no event."""

from __future__ import annotations

from django.db.models import F, Q, QuerySet
from rest_framework.request import Request

from core.api.pagination import BACK, PAGE_PARAMETERS, CursorPagination, Page, read_cursor, read_limit
from core.errors import FieldError, FieldErrors
from core.models import OutboxEvent
from core.values import ids


class EventPagination(CursorPagination):
    """Pages by position; `order` says which way."""

    parameters = PAGE_PARAMETERS

    def find_page(self, queryset: QuerySet[OutboxEvent], request: Request) -> Page:
        """Return the page of `queryset` that `request` asks for.

        Read `oldest_first`, there is what the relay has taken, and the last event's id is where the next poll starts. Newest
        first, what it has not taken yet comes before that, so that nobody waits for a worker to see what happened. Raises
        FieldErrors for a bad limit, or a cursor that is no event of this key.
        """
        limit = read_limit(request)
        ascending = request.query_params.get("order") == "oldest_first"
        name, cursor = read_cursor(request)
        last = _find(name, cursor) if cursor is not None else None
        # The page before is read the other way, and turned round.
        is_back = name == BACK
        if is_back and not ascending:
            rows = _newer(queryset, last)
        elif ascending and not is_back:
            rows = _oldest_first(queryset, last)
        else:
            rows = _newest_first(queryset, last)
            if ascending:  # a list without those that have no position yet
                rows = rows.filter(position__isnull=False)
        found = list(rows[: limit + 1])
        items = found[:limit]
        has_more = len(found) > limit
        next_cursor = items[-1].public_id if has_more else None
        if is_back:
            items.reverse()
        return Page(items, has_more, next_cursor)


def _find(name: str, cursor: str) -> OutboxEvent:
    try:
        found: OutboxEvent = OutboxEvent.objects.get(public=True, id=ids.decode("evt", cursor))
    except (ids.InvalidId, OutboxEvent.DoesNotExist) as error:
        raise FieldErrors([FieldError(name, "invalid", "This is not an event.")]) from error
    return found


def _oldest_first(queryset: QuerySet[OutboxEvent], last: OutboxEvent | None) -> QuerySet[OutboxEvent]:
    rows = queryset.filter(position__isnull=False).order_by("position")
    if last is None:
        return rows
    if last.position is None:
        return rows.none()  # whatever comes after it has no position yet either
    return rows.filter(position__gt=last.position)


def _newest_first(queryset: QuerySet[OutboxEvent], last: OutboxEvent | None) -> QuerySet[OutboxEvent]:
    rows = queryset.order_by(F("position").desc(nulls_first=True), "-sequence")
    if last is None:
        return rows
    if last.position is None:
        return rows.filter(Q(position__isnull=False) | Q(sequence__lt=last.sequence))
    return rows.filter(position__lt=last.position)


def _newer(queryset: QuerySet[OutboxEvent], last: OutboxEvent | None) -> QuerySet[OutboxEvent]:
    """What comes before `last` in a list that is newest first, the nearest first."""
    rows = queryset.order_by(F("position").asc(nulls_last=True), "sequence")
    if last is None:
        return rows
    if last.position is None:
        return rows.filter(position__isnull=True, sequence__gt=last.sequence)
    return rows.filter(Q(position__isnull=True) | Q(position__gt=last.position))
