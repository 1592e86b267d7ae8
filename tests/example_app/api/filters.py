"""What the list of bookings can be narrowed by. Every filter is served by an index (docs/architecture.md, Tenancy)."""

import django_filters

from core.api.filters import CreatedRange, ReferenceFilter


class BookingFilter(CreatedRange):
    """Filters of `GET /v1/bookings`."""

    reference = django_filters.CharFilter(max_length=200, help_text="Only with this reference")
    customer = ReferenceFilter(max_length=64, help_text="Only with this customer, by its identifier")
