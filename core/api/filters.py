"""List filters: django-filter on an allow-list, with unknown parameters refused by name."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django_filters import FilterSet

from core.api.views import known_parameters
from core.errors import FieldError, FieldErrors

PAGE_PARAMETERS = frozenset({"limit", "starting_after"})


def filter_queryset(
    request: HttpRequest, queryset: QuerySet[Any], filterset: type[FilterSet] | None = None
) -> QuerySet[Any]:
    """Return `queryset` narrowed by the query string.

    Raises FieldErrors naming each parameter that is unknown or whose value is not accepted.
    """
    names = frozenset(filterset.base_filters) if filterset else frozenset()
    known_parameters(request.GET, names | PAGE_PARAMETERS)
    if filterset is None:
        return queryset
    bound = filterset(request.GET, queryset=queryset)
    if not bound.is_valid():
        raise FieldErrors(
            [
                FieldError(name, error["code"] or "invalid", error["message"])
                for name, errors in bound.form.errors.get_json_data().items()
                for error in errors
            ]
        )
    return bound.qs
