"""Pagination in an order chosen by the caller through DRF's OrderingFilter, with the primary key as the tie-breaker."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.db.models.expressions import OrderBy

from core.errors import FieldError, FieldErrors
from core.postgres.orders import NEWEST, OLDEST


class Order:
    """An order by `terms`, as in `order_by` (`name`, `-created`), and the name of the cursor parameter."""

    def __init__(self, terms: Sequence[str], *, cursor: str = "starting_after") -> None:
        self._terms = terms
        self._names = [term.removeprefix("-") for term in terms]
        self._cursor = cursor

    @classmethod
    def asked_for(cls, terms: Sequence[str]) -> "Order":
        """Return the order that a caller requested. Ties are broken by the unique id: newest first, as everywhere."""
        return cls([*terms, "-pk"])

    @classmethod
    def by_index(cls, column: str, *, is_down: bool) -> "Order":
        """Return the order of an index on `column` and the descending id, read forwards or backwards, ties included."""
        return cls([f"-{column}", "pk"] if is_down else [column, "-pk"])

    def reversed(self) -> "Order":
        """Return this order reversed, for the page before a row."""
        terms = [
            name if term.startswith("-") else f"-{name}"
            for term, name in zip(self._terms, self._names, strict=True)
        ]
        return Order(terms, cursor="ending_before")

    def read(self, queryset: QuerySet[Any], count: int) -> list[Any]:
        """Return the first `count` rows of `queryset` in this order."""
        return list(queryset.order_by(*map(_ordering, self._terms))[:count])

    def seek(self, queryset: QuerySet[Any], row_id: UUID) -> QuerySet[Any]:
        """Return the rows of `queryset` that follow the row `row_id`.

        Raises FieldErrors when the row is not in the list, since its position depends on its values.
        """
        values = queryset.filter(pk=row_id).values_list(*self._names).first()
        if values is None:
            raise FieldErrors(
                [FieldError(self._cursor, "invalid", "This object is not in the list, or no longer.")]
            )
        following: Q = Q(pk__in=())
        for term, name, value in reversed(list(zip(self._terms, self._names, values, strict=True))):
            same = Q(**{f"{name}__isnull": True}) if value is None else Q(**{name: value})
            following = _beyond(term, name, value) | (same & following)
        first, name, value = self._terms[0], self._names[0], values[0]
        if name != "pk" and not queryset.model._meta.get_field(name).null:
            # Implied by the condition above, in a form that lets an index scan start there.
            queryset = queryset.filter(**{f"{name}__{'lte' if first.startswith('-') else 'gte'}": value})
        return queryset.filter(following)


def _ordering(term: str) -> str | OrderBy:
    return {"pk": OLDEST, "-pk": NEWEST}.get(term, term)


def _beyond(term: str, name: str, value: Any) -> Q:
    """Return the condition for rows after `value`. PostgreSQL sorts nulls last ascending, and first descending."""
    if name == "pk":
        return Q(pk__lt=value) if term.startswith("-") else Q(pk__gt=value)
    if term.startswith("-"):
        return Q(**{f"{name}__isnull": False}) if value is None else Q(**{f"{name}__lt": value})
    if value is None:
        return Q(pk__in=())
    return Q(**{f"{name}__gt": value}) | Q(**{f"{name}__isnull": True})
