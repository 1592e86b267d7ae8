"""Lists of pages: what they are sorted by. `?sort=name` or `?sort=-name`, of the columns that an index of the tenant's gives.

Everything is in the address, so that it works without scripts, stays with filters and pages, and can be sent to somebody.
"""

from collections.abc import Iterable, Mapping
from operator import attrgetter
from typing import Any, TypeVar

from django.db.models import QuerySet
from django.http import HttpRequest

from core.api.pagination import OLDEST, SORT, Page, paginate, paginate_sorted, sort_values

T = TypeVar("T")


def wants_oldest(request: HttpRequest) -> bool:
    """Tell whether a list is asked for with the oldest first: identifiers tell when rows were made, so every list can."""
    return request.GET.get(SORT) == OLDEST


def paginate_list(
    queryset: QuerySet[Any], request: HttpRequest, *, columns: Mapping[str, str] | None = None
) -> Page:
    """Return the page that `request` asks for, in the order that it asks for; what a list does not know is newest first.

    `columns` maps a name in the address to the column it sorts by, beside `created`. Raises FieldErrors for a bad limit or cursor.
    """
    columns = columns or {}
    if request.GET.get(SORT, "") not in sort_values(columns):
        return paginate(queryset, request)
    return paginate_sorted(queryset, request, columns=columns)


def sort_rows(rows: Iterable[T], request: HttpRequest, *, columns: Mapping[str, str]) -> list[T]:
    """Return the rows of a list that is short enough to have no pages, in the order that is asked for, else as they are.

    `columns` maps a name in the address to an attribute. As in PostgreSQL, what is missing comes last upwards and first downwards.
    """
    asked = request.GET.get(SORT, "")
    column = columns.get(asked.removeprefix("-"))
    if column is None:
        return list(rows)
    value_of = attrgetter(column)

    def key(row: T) -> tuple[bool, Any]:
        value = value_of(row)
        return value is None, value.casefold() if isinstance(value, str) else value or 0

    found = sorted(rows, key=key)
    return found[::-1] if asked.startswith("-") else found
