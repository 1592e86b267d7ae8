"""Orders in which a list can be read, page by page: of a tenant's index (`IndexOrder`), or of DRF's OrderingFilter (`Order`)."""

from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from operator import and_
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.db.models.expressions import OrderBy

from core.errors import FieldError, FieldErrors
from core.postgres.orders import NEWEST, OLDEST


class Order:
    """An order by `terms`, as in `order_by` (`name`, `-created`), with the primary key as the last one."""

    def __init__(self, terms: Sequence[str], *, cursor: str = "starting_after") -> None:
        self._terms = terms
        self._names = [term.removeprefix("-") for term in terms]
        self._cursor = cursor

    @classmethod
    def asked_for(cls, terms: Sequence[str]) -> "Order":
        """Return the order that a caller requested. Ties are broken by the unique id: newest first, as everywhere."""
        return cls([*terms, "-pk"])

    def reversed(self) -> "Order":
        """Return this order reversed, for the page before a row."""
        return type(self)(_reversed(self._terms), cursor="ending_before")

    def read(self, queryset: QuerySet[Any], count: int, beyond: UUID | None = None) -> list[Any]:
        """Return the first `count` rows of `queryset` in this order, or the first after the row `beyond`.

        Raises FieldErrors when that row is not in the list, since its position depends on its values.
        """
        ordered = queryset.order_by(*map(_ordering, self._terms))
        if beyond is not None:
            ordered = ordered.filter(self._following(self._values_of(queryset, beyond)))
        return list(ordered[:count])

    def _values_of(self, queryset: QuerySet[Any], row_id: UUID) -> tuple[Any, ...]:
        # No order: the primary key finds the row by itself.
        for values in queryset.order_by().filter(pk=row_id).values_list(*self._names)[:1]:
            return tuple(values)
        raise FieldErrors(
            [FieldError(self._cursor, "invalid", "This object is not in the list, or no longer.")]
        )

    def _following(self, values: Sequence[Any]) -> Q:
        following: Q = Q(pk__in=())
        for term, name, value in reversed(list(zip(self._terms, self._names, values, strict=True))):
            following = _beyond(term, name, value) | (_same(name, value) & following)
        return following


class IndexOrder(Order):
    """The order of an index of the tenant's on columns and the descending id, read forwards or, ties and all, backwards.

    Rows without a value come last upwards and first downwards. What follows a row is a few ranges of the index, each of
    which starts where the last page ended: those with the same values, those with a larger one, those without (upwards). As
    one condition they would be read from the first row with that value, and skipped.
    """

    @classmethod
    def by(cls, *columns: str, is_down: bool) -> "IndexOrder":
        """Return the order by `columns`, all of them downwards or upwards."""
        return cls([*(f"-{column}" for column in columns), "pk"] if is_down else [*columns, "-pk"])

    def read(self, queryset: QuerySet[Any], count: int, beyond: UUID | None = None) -> list[Any]:
        """Return the first `count` rows of `queryset` in this order, or the first after the row `beyond`.

        That row may have left the list since, by a filter or by being deleted softly: its place is where its value is.
        Raises FieldErrors when the tenant has no such row.
        """
        ordered = queryset.order_by(*map(_ordering, self._terms))
        if beyond is None:
            return list(ordered[:count])
        found: list[Any] = []
        for condition in self._ranges_after(queryset, beyond):
            found += ordered.filter(condition)[: count - len(found)]
            if len(found) == count:
                break
        return found

    def _ranges_after(self, queryset: QuerySet[Any], row_id: UUID) -> Iterator[Q]:
        *terms, id_term = self._terms
        *values, _ = self._values_of(queryset.model.objects.all(), row_id)
        same = [_same(name, value) for name, value in zip(self._names, values, strict=False)]
        yield reduce(and_, [*same, _beyond(id_term, "pk", row_id)])
        for place in reversed(range(len(terms))):
            may_lack = queryset.model._meta.get_field(self._names[place]).null
            for larger in _ranges_beyond(terms[place], values[place], may_lack=may_lack):
                yield reduce(and_, [*same[:place], larger])


def _ranges_beyond(term: str, value: Any, *, may_lack: bool) -> Iterator[Q]:
    """Yield the ranges of an index in which rows have another value than `value`, and come after it."""
    column, is_down = term.removeprefix("-"), term.startswith("-")
    if value is not None:
        yield Q(**{f"{column}__{'lt' if is_down else 'gt'}": value})
        if may_lack and not is_down:
            yield Q(**{f"{column}__isnull": True})
    elif is_down:
        yield Q(**{f"{column}__isnull": False})


def _reversed(terms: Iterable[str]) -> list[str]:
    return [term.removeprefix("-") if term.startswith("-") else f"-{term}" for term in terms]


def _ordering(term: str) -> str | OrderBy:
    return {"pk": OLDEST, "-pk": NEWEST}.get(term, term)


def _same(name: str, value: Any) -> Q:
    return Q(**{f"{name}__isnull": True}) if value is None else Q(**{name: value})


def _beyond(term: str, name: str, value: Any) -> Q:
    """Return the condition for rows after `value`. PostgreSQL sorts nulls last ascending, and first descending."""
    if name == "pk":
        return Q(pk__lt=value) if term.startswith("-") else Q(pk__gt=value)
    if term.startswith("-"):
        return Q(**{f"{name}__isnull": False}) if value is None else Q(**{f"{name}__lt": value})
    if value is None:
        return Q(pk__in=())
    return Q(**{f"{name}__gt": value}) | Q(**{f"{name}__isnull": True})
