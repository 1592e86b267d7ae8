"""Cursor pagination: `limit` and `starting_after`, newest first, by primary key (DESIGN §3)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import Model, QuerySet
from django.http import HttpRequest
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response

from core import ids
from core.errors import FieldError, FieldErrors

DEFAULT_LIMIT = 20
MAX_LIMIT = 100


@dataclass(frozen=True, slots=True)
class Page:
    """One page of rows, and whether more follow."""

    items: list[Any]
    has_more: bool
    next_cursor: str | None


def read_limit(request: HttpRequest | Request) -> int:
    """Return the page size asked for; raises FieldErrors unless it is a whole number from 1 to 100."""
    text = request.GET.get("limit")
    if text is None:
        return DEFAULT_LIMIT
    if not (text.isascii() and text.isdigit() and len(text) <= 3 and 1 <= int(text) <= MAX_LIMIT):
        raise FieldErrors([FieldError("limit", "invalid", f"Use a whole number from 1 to {MAX_LIMIT}.")])
    return int(text)


def newest(queryset: QuerySet[Any], count: int) -> list[Any]:
    """Return the first `count` rows of `queryset`, newest first."""
    return list(queryset.order_by("-pk")[:count])


def paginate(
    queryset: QuerySet[Any],
    request: HttpRequest | Request,
    *,
    prefix: str | None = None,
    read: Callable[[QuerySet[Any], int], list[Any]] = newest,
) -> Page:
    """Return the page of `queryset` that `request` asks for, newest first.

    The primary key is a UUIDv7, so its order is the order of creation and one index range finds any page at the same cost.
    `prefix` is the TypeID prefix of the cursor (default: the model's own); `read` fetches rows as `newest` does, for a
    table that is better read otherwise. Raises FieldErrors for a bad limit or cursor.
    """
    model: type[Model] = queryset.model
    cursor_prefix = str(prefix or getattr(model, "id_prefix", ""))
    limit = read_limit(request)
    cursor = request.GET.get("starting_after")
    if cursor is not None:
        try:
            queryset = queryset.filter(pk__lt=ids.decode(cursor_prefix, cursor))
        except ids.InvalidId as error:
            raise FieldErrors([FieldError("starting_after", "invalid", f"Not a cursor: {error}.")]) from error
    items = read(queryset, limit + 1)
    has_more = len(items) > limit
    items = items[:limit]
    last = items[-1] if has_more else None
    last_id = last["id"] if isinstance(last, dict) else last.pk if last is not None else None
    return Page(items, has_more, ids.encode(cursor_prefix, last_id) if last_id is not None else None)


class CursorPagination(BasePagination):
    """DRF's door to `paginate`. A table that is better read otherwise has a subclass with its own `read`."""

    read: Callable[[QuerySet[Any], int], list[Any]] = staticmethod(newest)
    page: Page

    def find_page(self, queryset: QuerySet[Any], request: Request) -> Page:
        """Return the page of `queryset` that `request` asks for; raises FieldErrors for a bad limit or cursor."""
        return paginate(queryset, request, read=self.read)

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        """Return the rows of the page."""
        self.page = self.find_page(queryset, request)
        return self.page.items

    def get_paginated_response(self, data: Any) -> Response:
        """Return the list object of the API around the represented rows."""
        page = self.page
        return Response(
            {"object": "list", "data": data, "has_more": page.has_more, "next_cursor": page.next_cursor}
        )
