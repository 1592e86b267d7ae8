"""Pages of events in the order of their positions, which nothing is put in front of later: a poller misses no event."""

from __future__ import annotations

from django.db.models import F, Q, QuerySet
from rest_framework.request import Request

from core import ids
from core.api.pagination import CursorPagination, Page, read_limit
from core.errors import FieldError, FieldErrors
from core.models import OutboxEvent


class EventPagination(CursorPagination):
    """Pages by position; `order` says which way."""

    def find_page(self, queryset: QuerySet[OutboxEvent], request: Request) -> Page:
        """Return the page of `queryset` that `request` asks for.

        Read `oldest_first`, there is what the relay has taken, and the last event's id is where the next poll starts. Newest
        first, what it has not taken yet comes before that, so that nobody waits for a worker to see what happened. Raises
        FieldErrors for a bad limit, or a cursor that is no event of this key.
        """
        limit = read_limit(request)
        ascending = request.query_params.get("order") == "oldest_first"
        cursor = request.query_params.get("starting_after")
        last = _find(cursor) if cursor is not None else None
        rows = _oldest_first(queryset, last) if ascending else _newest_first(queryset, last)
        found = list(rows[: limit + 1])
        items = found[:limit]
        has_more = len(found) > limit
        return Page(items, has_more, items[-1].public_id if has_more else None)


def _find(cursor: str) -> OutboxEvent:
    try:
        found: OutboxEvent = OutboxEvent.objects.get(public=True, id=ids.decode("evt", cursor))
    except (ids.InvalidId, OutboxEvent.DoesNotExist) as error:
        raise FieldErrors([FieldError("starting_after", "invalid", "This is no event.")]) from error
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
