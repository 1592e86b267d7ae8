"""List filters: django-filter with an allow-list; unknown parameters are rejected by name."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.http import QueryDict
from django_filters import (
    BooleanFilter,
    CharFilter,
    ChoiceFilter,
    DateFilter,
    DateTimeFilter,
    Filter,
    FilterSet,
    IsoDateTimeFilter,
    MultipleChoiceFilter,
    NumberFilter,
)
from rest_framework.filters import BaseFilterBackend
from rest_framework.request import Request

from core.api.errors import InvalidRequest
from core.api.pagination import PAGE_PARAMETERS
from core.api.patterns import NOT_BLANK
from core.errors import FieldError, FieldErrors
from core.tenancy import referring_to
from core.values.form_fields import DayField, MomentField
from core.values.ids import ID_MARGIN_SECONDS, first_id
from core.values.texts import normalize


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
        found: QuerySet[Any] = super().filter(qs, normalize(value) if value else value)
        return found


class ReferenceFilter(CharFilter):
    """The ID of an object that the rows refer to, by a foreign key with the filter's name. An invalid one matches nothing."""

    def filter(self, qs: QuerySet[Any], value: str) -> QuerySet[Any]:
        """Narrow to what refers to the object."""
        return referring_to(qs, self.field_name, value) if value else qs


class ChoicesField(forms.Field):
    """One or several of the `choices`, parted by commas."""

    def __init__(self, *, choices: Sequence[tuple[str, str]], **kwargs: Any) -> None:
        self._known = frozenset(str(value) for value, _ in choices)
        super().__init__(**kwargs)

    def to_python(self, value: str | None) -> list[str]:
        """Return the values that were sent, each once. Raises ValidationError naming the first that is none."""
        parts = dict.fromkeys(value.split(",")) if value else {}
        for part in parts:
            if part not in self._known:
                raise forms.ValidationError(
                    f"Select a valid choice. {part[:100]} is not one of the available choices.",
                    code="invalid_choice",
                )
        return list(parts)


class ChoicesFilter(Filter):
    """One of several values, or any of those that are sent parted by commas: `status=open,paid`."""

    field_class = ChoicesField

    def filter(self, qs: QuerySet[Any], value: list[str]) -> QuerySet[Any]:
        """Narrow to rows with one of the values."""
        return qs.filter(**{f"{self.field_name}__in": value}) if value else qs


class ExpandFilter(ChoicesFilter):
    """What the objects of a list have besides: the view reads it, the rows stay the same."""

    def filter(self, qs: QuerySet[Any], value: list[str]) -> QuerySet[Any]:
        """Return `qs` as it is."""
        return qs


def expands(query: QueryDict, name: str) -> bool:
    """Return whether `expand` asks for `name`."""
    return name in query.get("expand", "").split(",")


class StrictBooleanField(forms.Field):
    """`true` or `false`, and nothing else."""

    def to_python(self, value: str | None) -> bool | None:
        """Return what was sent. Raises ValidationError."""
        if not value:
            return None
        if value not in ("true", "false"):
            raise forms.ValidationError("Send true or false.", code="invalid")
        return value == "true"


class StrictBooleanFilter(Filter):
    """A filter that is on, off, or left out: `overdue=true`."""

    field_class = StrictBooleanField


class WholeNumberField(forms.Field):
    """A whole number within bounds, in ASCII digits."""

    def __init__(self, *, lowest: int, highest: int, **kwargs: Any) -> None:
        self._lowest, self._highest = lowest, highest
        super().__init__(**kwargs)

    def to_python(self, value: str | None) -> int | None:
        """Return what was sent. Raises ValidationError."""
        if not value:
            return None
        is_number = value.isascii() and value.isdigit() and len(value) <= len(str(self._highest))
        if not (is_number and self._lowest <= int(value) <= self._highest):
            raise forms.ValidationError(
                f"Use a whole number from {self._lowest} to {self._highest}.", code="invalid"
            )
        return int(value)


class WholeNumberFilter(Filter):
    """A whole number from `lowest` to `highest`."""

    field_class = WholeNumberField


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


class FilterBackend(BaseFilterBackend):
    """Narrows a list by the view's `filterset_class`.

    It knows the parameters of that, of a page, and of the filter backends beside it (DRF's SearchFilter and OrderingFilter, for
    two), and no others.
    """

    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: Any) -> QuerySet[Any]:
        """Return `queryset` narrowed by the query string.

        Raises FieldErrors naming each parameter that is unknown or whose value is not accepted.
        """
        filterset: type[FilterSet] | None = getattr(view, "filterset_class", None)
        query = request.query_params
        names = frozenset(filterset.base_filters) if filterset else frozenset()
        page = getattr(getattr(view, "pagination_class", None), "parameters", PAGE_PARAMETERS)
        known_parameters(query, names.union(page, self._names_beside(view)))
        if filterset is None or names.isdisjoint(query):
            # Most lists are requested without filters, and building the filter form costs more than reading the page.
            return queryset
        bound = filterset(query, queryset=queryset)
        if not bound.is_valid():
            raise FieldErrors.of_form(bound.form)
        found: QuerySet[Any] = bound.qs
        return found

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """Return the parameters of the view's `filterset_class`, as the OpenAPI document says them."""
        filterset: type[FilterSet] | None = getattr(view, "filterset_class", None)
        return [
            {
                "name": name,
                "in": "query",
                "required": bool(found.extra.get("required")),
                **({"description": str(found.extra["help_text"])} if found.extra.get("help_text") else {}),
                # Parted by commas, in one parameter: one that is sent twice is refused.
                **({"style": "form", "explode": False} if isinstance(found, ChoicesFilter) else {}),
                "schema": _schema_of(found),
            }
            for name, found in (filterset.base_filters.items() if filterset else ())
        ]

    def _names_beside(self, view: Any) -> Iterator[str]:
        """Yield what the view's other filter backends read, as each says for a schema: it is DRF's own way to ask them."""
        for backend in view.filter_backends:
            if not issubclass(backend, FilterBackend):
                for parameter in backend().get_schema_operation_parameters(view):
                    yield parameter["name"]


def _schema_of(found: Filter) -> dict[str, Any]:
    if isinstance(found, ChoicesFilter):
        values = [str(value) for value, _ in found.extra["choices"]]
        return {"type": "array", "minItems": 1, "items": {"type": "string", "enum": values}}
    if isinstance(found, (IsoDateTimeFilter, DateTimeFilter)):
        return {"type": "string", "format": "date-time"}
    if isinstance(found, DateFilter):
        return {"type": "string", "format": "date"}
    if isinstance(found, (BooleanFilter, StrictBooleanFilter)):
        return {"type": "boolean"}
    if isinstance(found, (ChoiceFilter, MultipleChoiceFilter)):
        choices = found.extra.get("choices", ())
        return {
            "type": "string",
            "enum": [str(value) for value, _ in (choices() if callable(choices) else choices)],
        }
    if isinstance(found, WholeNumberFilter):
        return {"type": "integer", "minimum": found.extra["lowest"], "maximum": found.extra["highest"]}
    if isinstance(found, NumberFilter):
        return {"type": "integer"}
    text = {"type": "string", "pattern": found.pattern if isinstance(found, PatternFilter) else NOT_BLANK}
    if found.extra.get("max_length"):
        text["maxLength"] = found.extra["max_length"]
    return text


def known_parameters(query: QueryDict, allowed: frozenset[str]) -> None:
    """Raise FieldErrors naming every query parameter that is not in `allowed`."""
    unknown = [name for name in query if name not in allowed]
    if unknown:
        raise FieldErrors(
            [
                FieldError(name[:100] or "(empty)", "unknown_parameter", "Unknown query parameter.")
                for name in unknown
            ]
        )


def check_query(query: QueryDict) -> None:
    """Reject ambiguous queries: a parameter sent twice, one without a value, or a NUL character.

    A caller that sends `email=` or `email=%20` has lost the value on the way; ignoring the filter would return every row.

    Raises InvalidRequest or FieldErrors.
    """
    for name, values in query.lists():
        if len(values) > 1:
            raise InvalidRequest(f"The query parameter {name[:100]} was sent {len(values)} times.")
        if "\x00" in name or "\x00" in values[0]:
            raise FieldErrors(
                [FieldError(name.replace("\x00", "")[:100], "invalid", "Must not contain a NUL character.")]
            )
        if not values[0].strip():
            raise FieldErrors(
                [FieldError(name[:100] or "(empty)", "blank", "Give a value, or leave the parameter out.")]
            )
