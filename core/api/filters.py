"""List filters: django-filter on an allow-list, with unknown parameters refused by name."""

from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django_filters import CharFilter, DateFilter, FilterSet, IsoDateTimeFilter

from core.api.views import known_parameters
from core.errors import FieldErrors
from core.form_fields import DayField, MomentField
from core.ids import ID_MARGIN_SECONDS, first_id
from core.texts import normalize


class PatternFilter(CharFilter):
    """A text of a form that the OpenAPI document can say; `pattern` is a regular expression as JSON Schema writes them.

    What the text means, and so whether it is accepted, is judged where it is used.
    """

    def __init__(self, *args: Any, pattern: str, **kwargs: Any) -> None:
        self.pattern = pattern
        super().__init__(*args, **kwargs)


class TextFilter(CharFilter):
    """A text that is compared as it is kept: in Unicode's normalization form C."""

    def filter(self, qs: QuerySet[Any], value: str) -> QuerySet[Any]:
        """Narrow by the text, however its characters were composed."""
        return super().filter(qs, normalize(value) if value else value)


class MomentFilter(IsoDateTimeFilter):
    """A moment by RFC 3339, as every body has it too."""

    field_class = MomentField

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"zone": None, **kwargs})


class DayFilter(DateFilter):
    """A day as in `2026-01-31`."""

    field_class = DayField


class CreatedRange(FilterSet):
    """The range of creation times every list has: from (inclusive), to (exclusive).

    The identifier is a UUIDv7 and carries the time, so the index that serves the list's order finds the range as well.
    """

    created_after = MomentFilter(method="from_moment")
    created_before = MomentFilter(method="to_moment")

    def from_moment(self, queryset: QuerySet[Any], name: str, value: datetime) -> QuerySet[Any]:
        """Keep what was created at `value` or later."""
        return queryset.filter(created__gte=value, id__gte=first_id(value, shift_seconds=-ID_MARGIN_SECONDS))

    def to_moment(self, queryset: QuerySet[Any], name: str, value: datetime) -> QuerySet[Any]:
        """Keep what was created before `value`."""
        return queryset.filter(created__lt=value, id__lt=first_id(value, shift_seconds=ID_MARGIN_SECONDS))


PAGE_PARAMETERS = frozenset({"limit", "starting_after"})


def filter_queryset(
    request: HttpRequest, queryset: QuerySet[Any], filterset: type[FilterSet] | None = None
) -> QuerySet[Any]:
    """Return `queryset` narrowed by the query string.

    Raises FieldErrors naming each parameter that is unknown or whose value is not accepted.
    """
    names = frozenset(filterset.base_filters) if filterset else frozenset()
    known_parameters(request.GET, names | PAGE_PARAMETERS)
    if filterset is None or names.isdisjoint(request.GET):
        # Most lists are asked for as they are; building the form of all filters costs more than reading the page.
        return queryset
    bound = filterset(request.GET, queryset=queryset)
    if not bound.is_valid():
        raise FieldErrors.of_form(bound.form)
    return bound.qs
