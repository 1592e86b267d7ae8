"""Sorting of lists with `?sort=name` or `?sort=-name`, by columns with a tenant index.

The order is part of the URL, so it works without scripts, is kept across filters and pages, and can be shared.
"""

from collections.abc import Iterable, Mapping
from operator import attrgetter
from typing import Any, TypeVar

from django.db.models import QuerySet
from django.http import HttpRequest

from core.api.pagination import OLDEST, SORT, Page, paginate, paginate_sorted, sort_values

T = TypeVar("T")


def wants_oldest(request: HttpRequest) -> bool:
    """Whether a list is requested oldest first. All lists support it, because IDs are ordered by creation time."""
    return request.GET.get(SORT) == OLDEST


def paginate_list(
    queryset: QuerySet[Any],
    request: HttpRequest,
    *,
    columns: Mapping[str, str | tuple[str, ...]] | None = None,
) -> Page:
    """Return the requested page in the requested order, or newest first if the order is unknown.

    `columns` maps names in the URL to a column or several, in addition to `created`. Raises FieldErrors for an invalid limit or cursor.
    """
    columns = columns or {}
    if request.GET.get(SORT, "") not in sort_values(columns):
        return paginate(queryset, request)
    return paginate_sorted(queryset, request, columns=columns)


def sort_rows(rows: Iterable[T], request: HttpRequest, *, columns: Mapping[str, str]) -> list[T]:
    """Sort the rows of an unpaginated list in the requested order, if any.

    `columns` maps names in the URL to attributes. As in PostgreSQL, missing values come last ascending and first descending.
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
