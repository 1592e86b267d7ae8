"""Pagination of events by position. Nothing is ever inserted before an existing position, so pollers miss no event."""

from __future__ import annotations

from django.db.models import F, Q, QuerySet
from rest_framework.request import Request

from core.api.pagination import BACK, PAGE_PARAMETERS, CursorPagination, Page, read_cursor, read_limit
from core.errors import FieldError, FieldErrors
from core.models import OutboxEvent
from core.values import ids


class EventPagination(CursorPagination):
    """Cursor pagination by position, in the direction given by `order`."""

    parameters = PAGE_PARAMETERS

    def find_page(self, queryset: QuerySet[OutboxEvent], request: Request) -> Page:
        """Return the page of `queryset` that `request` asks for.

        With `oldest_first`, the list has only relayed events, and the last event's id is where the next poll starts. Newest
        first, it starts with events that have not been relayed yet, so that they are visible without waiting for a worker.
        Raises FieldErrors for an invalid limit, or a cursor that is not an event visible to this key.
        """
        limit = read_limit(request)
        ascending = request.query_params.get("order") == "oldest_first"
        name, cursor = read_cursor(request)
        last = _find(name, cursor) if cursor is not None else None
        # The previous page is read in the opposite direction and reversed.
        is_back = name == BACK
        if is_back and not ascending:
            rows = _newer(queryset, last)
        elif ascending and not is_back:
            rows = _oldest_first(queryset, last)
        else:
            rows = _newest_first(queryset, last)
            if ascending:  # excludes events without a position
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
        return rows.none()  # later events do not have a position yet either
    return rows.filter(position__gt=last.position)


def _newest_first(queryset: QuerySet[OutboxEvent], last: OutboxEvent | None) -> QuerySet[OutboxEvent]:
    rows = queryset.order_by(F("position").desc(nulls_first=True), "-sequence")
    if last is None:
        return rows
    if last.position is None:
        return rows.filter(Q(position__isnull=False) | Q(sequence__lt=last.sequence))
    return rows.filter(position__lt=last.position)


def _newer(queryset: QuerySet[OutboxEvent], last: OutboxEvent | None) -> QuerySet[OutboxEvent]:
    """Return the events newer than `last`, the closest first."""
    rows = queryset.order_by(F("position").asc(nulls_last=True), "sequence")
    if last is None:
        return rows
    if last.position is None:
        return rows.filter(position__isnull=True, sequence__gt=last.sequence)
    return rows.filter(Q(position__isnull=True) | Q(position__gt=last.position))
