"""Pages of events in an order that nothing is put in front of later, so that a poller misses no event."""

from __future__ import annotations

from django.db.models import Q, QuerySet
from django.http import HttpRequest

from core import ids
from core.api.pagination import Page, read_limit
from core.errors import FieldError, FieldErrors
from core.models import OutboxEvent


def paginate_events(queryset: QuerySet[OutboxEvent], request: HttpRequest) -> Page:
    """Return the page of `queryset` that `request` asks for, by transaction and id; `order` says which way.

    Read `oldest_first`, the last event's id is where the next poll starts. Raises FieldErrors for a bad limit, or a
    cursor that is no event of this key.
    """
    limit = read_limit(request)
    ascending = request.GET.get("order") == "oldest_first"
    cursor = request.GET.get("starting_after")
    if cursor is not None:
        queryset = _after(queryset, cursor, ascending=ascending)
    names = ("transaction_id", "id") if ascending else ("-transaction_id", "-id")
    rows = list(queryset.order_by(*names)[: limit + 1])
    items = rows[:limit]
    has_more = len(rows) > limit
    return Page(items, has_more, items[-1].public_id if has_more else None)


def _after(queryset: QuerySet[OutboxEvent], cursor: str, *, ascending: bool) -> QuerySet[OutboxEvent]:
    try:
        place = OutboxEvent.objects.values_list("transaction_id", "id").get(id=ids.decode("evt", cursor))
    except (ids.InvalidId, OutboxEvent.DoesNotExist) as error:
        raise FieldErrors([FieldError("starting_after", "invalid", "This is no event.")]) from error
    transaction_id, row_id = place
    if ascending:
        return queryset.filter(transaction_id__gte=transaction_id).filter(
            Q(transaction_id__gt=transaction_id) | Q(id__gt=row_id)
        )
    return queryset.filter(transaction_id__lte=transaction_id).filter(
        Q(transaction_id__lt=transaction_id) | Q(id__lt=row_id)
    )
