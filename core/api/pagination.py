"""Cursor pagination: `limit` and `starting_after` or `ending_before`, newest first, by primary key (docs/architecture.md, Contracts).

With `sort`, or DRF's OrderingFilter on the view, pages follow that order: after the cursor's row, by the values it is ordered by.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

from django.db.models import Model, QuerySet
from django.http import HttpRequest
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.ordering import IndexOrder, Order
from core.errors import FieldError, FieldErrors
from core.postgres import orders
from core.postgres.later import ending_with_next_query
from core.values import ids

ON, BACK = "starting_after", "ending_before"
PAGE_PARAMETERS = frozenset({"limit", ON, BACK})
SORT, OLDEST, NEWEST = "sort", "created", "-created"
# Reads the first rows of a list in one direction: of which, how many, and beyond which row if not from the start.
Reader = Callable[[QuerySet[Any], int, UUID | None], list[Any]]
DEFAULT_LIMIT = 20
MAX_LIMIT = 100


@dataclass(frozen=True, slots=True)
class Page:
    """One page of rows, and whether more follow in the requested direction."""

    items: list[Any]
    has_more: bool
    next_cursor: str | None
    # Cursors for links to the previous and next page: the values of `ending_before` and `starting_after`.
    previous: str | None = None
    following: str | None = None


def read_limit(request: HttpRequest | Request) -> int:
    """Return the requested page size; raises FieldErrors unless it is an integer from 1 to 100."""
    text = request.GET.get("limit")
    if text is None:
        return DEFAULT_LIMIT
    if not (text.isascii() and text.isdigit() and len(text) <= 3 and 1 <= int(text) <= MAX_LIMIT):
        raise FieldErrors([FieldError("limit", "invalid", f"Use a whole number from 1 to {MAX_LIMIT}.")])
    return int(text)


def newest(queryset: QuerySet[Any], count: int, beyond: UUID | None = None) -> list[Any]:
    """Return the first `count` rows of `queryset`, newest first; with `beyond`, of those older than that row."""
    rows = queryset if beyond is None else queryset.filter(pk__lt=beyond)
    return list(rows.order_by(orders.NEWEST)[:count])


def oldest(queryset: QuerySet[Any], count: int, beyond: UUID | None = None) -> list[Any]:
    """Return the first `count` rows of `queryset`, oldest first; with `beyond`, of those newer than that row."""
    rows = queryset if beyond is None else queryset.filter(pk__gt=beyond)
    return list(rows.order_by(orders.OLDEST)[:count])


def read_cursor(request: HttpRequest | Request) -> tuple[str, str | None]:
    """Return the direction and the cursor of the requested page. Raises FieldErrors when both directions are given."""
    back = request.GET.get(BACK)
    if back is None:
        return ON, request.GET.get(ON)
    if ON in request.GET:
        raise FieldErrors([FieldError(BACK, "invalid", f"Send {ON} or {BACK}, not both.")])
    return BACK, back


def paginate(
    queryset: QuerySet[Any],
    request: HttpRequest | Request,
    *,
    prefix: str | None = None,
    read: Reader = newest,
    read_back: Reader = oldest,
) -> Page:
    """Return the requested page of `queryset`, newest first.

    The primary key is a UUIDv7, so it sorts by creation time, and one index range scan finds any page at the same cost.
    `prefix` is the TypeID prefix of the cursor (default: the model's own). `read` replaces `newest` for another order, or for
    tables that need a different query; `read_back` reads the opposite way, for the page before a row. By creation time that row
    need not be there any more.
    Raises FieldErrors for a bad limit or cursor.
    """
    model: type[Model] = queryset.model
    cursor_prefix = str(prefix or getattr(model, "id_prefix", ""))
    limit = read_limit(request)
    name, cursor = read_cursor(request)
    try:
        beyond = None if cursor is None else ids.decode(cursor_prefix, cursor)
    except ids.InvalidId as error:
        raise FieldErrors([FieldError(name, "invalid", f"Not a cursor: {error}.")]) from error
    with ending_with_next_query():  # usually the last query of a list
        items = (read_back if name == BACK else read)(queryset, limit + 1, beyond)
    has_more = len(items) > limit
    items = items[:limit]
    last = items[-1] if has_more else None
    if name == BACK:
        items.reverse()

    def cursor_of(row: Any) -> str:
        return ids.encode(cursor_prefix, row["id"] if isinstance(row, dict) else row.pk)

    return Page(
        items,
        has_more,
        cursor_of(last) if last is not None else None,
        previous=cursor_of(items[0])
        if items and (has_more if name == BACK else cursor is not None)
        else None,
        following=cursor_of(items[-1]) if items and (has_more or name == BACK) else None,
    )


def sort_values(columns: Iterable[str]) -> list[str]:
    """Return the values of `sort` for a list with an index on each of `columns`, beside creation time."""
    return [NEWEST, OLDEST, *(value for column in columns for value in (column, f"-{column}"))]


def paginate_sorted(
    queryset: QuerySet[Any], request: HttpRequest | Request, *, columns: Mapping[str, str | tuple[str, ...]]
) -> Page:
    """Return the requested page of `queryset` in the order that `sort` requests, newest first without it.

    `columns` maps a value of `sort` to the column or columns it sorts by, which need an index of the tenant's; a `-` reverses it.
    Raises FieldErrors for an unknown order, a bad limit or cursor.
    """
    asked = request.GET.get(SORT, NEWEST)
    if asked == NEWEST:
        return paginate(queryset, request)
    if asked == OLDEST:
        return paginate(queryset, request, read=oldest, read_back=newest)
    if asked not in (allowed := sort_values(columns)):
        raise FieldErrors([FieldError(SORT, "invalid_choice", f"Use one of {', '.join(allowed)}.")])
    by = columns[asked.removeprefix("-")]
    order = IndexOrder.by(*([by] if isinstance(by, str) else by), is_down=asked.startswith("-"))
    return paginate(queryset, request, read=order.read, read_back=order.reversed().read)


def _order_asked(queryset: QuerySet[Any], request: Request, view: Any) -> Order | None:
    """Return the order from the view's OrderingFilter, as DRF's own cursor pagination does."""
    for backend in getattr(view, "filter_backends", ()):
        if hasattr(backend, "get_ordering"):
            terms = backend().get_ordering(request, queryset, view)
            return Order.asked_for(terms) if terms else None
    return None


class CursorPagination(BasePagination):
    """DRF's interface to `paginate`. Subclasses override `find_page` and `parameters` for tables that need a different query.

    The view's `sort_columns` are what its list is sorted by besides creation time (`paginate_sorted`).
    """

    parameters: ClassVar[frozenset[str]] = PAGE_PARAMETERS | {SORT}
    page: Page

    def find_page(self, queryset: QuerySet[Any], request: Request) -> Page:
        """Return the requested page of `queryset`; raises FieldErrors for a bad limit or cursor."""
        return paginate(queryset, request)

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        """Return the rows of the page, in the order of the view's OrderingFilter if it has one."""
        order = _order_asked(queryset, request, view)
        if order:
            self.page = paginate(queryset, request, read=order.read, read_back=order.reversed().read)
        elif SORT in self.parameters and request.GET.get(SORT, NEWEST) != NEWEST:
            columns: Mapping[str, str] = getattr(view, "sort_columns", {})
            self.page = paginate_sorted(queryset, request, columns=columns)
        else:
            self.page = self.find_page(queryset, request)
        return self.page.items

    def get_paginated_response(self, data: Any) -> Response:
        """Wrap the serialized rows in the API's list object."""
        page = self.page
        return Response(
            {"object": "list", "data": data, "has_more": page.has_more, "next_cursor": page.next_cursor}
        )
