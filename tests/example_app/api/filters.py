"""What the list of bookings can be narrowed by. Every filter is served by an index (docs/architecture.md, Tenancy)."""

from typing import Any

import django_filters
from django.db.models import QuerySet

from core.api.filters import CreatedRange
from core.values import ids


class BookingFilter(CreatedRange):
    """Filters of `GET /v1/bookings`."""

    reference = django_filters.CharFilter(max_length=200, help_text="Only with this reference")
    customer = django_filters.CharFilter(
        method="by_reference",
        max_length=64,
        help_text="Only with this customer, by its identifier",
    )

    def by_reference(self, queryset: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Match what refers to an object; none for an identifier that is unknown here."""
        try:
            return queryset.filter(**{f"{name}_id": ids.decode(_PREFIXES[name], value)})
        except ids.InvalidId:
            return queryset.none()


_PREFIXES = {
    "customer": "cus",
}
