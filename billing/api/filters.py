"""What billing's lists can be narrowed by."""

import django_filters
from django.db.models import QuerySet

from billing.models import Customer


class CustomerFilter(django_filters.FilterSet):
    """Filters of `GET /v1/customers`."""

    email = django_filters.CharFilter(method="by_email", max_length=254)
    external_id = django_filters.CharFilter(max_length=100)
    created_after = django_filters.IsoDateTimeFilter(field_name="created", lookup_expr="gte")
    created_before = django_filters.IsoDateTimeFilter(field_name="created", lookup_expr="lt")

    def by_email(self, queryset: QuerySet[Customer], name: str, value: str) -> QuerySet[Customer]:
        """Match the email whatever its case, by the stored normalised column, which an index serves."""
        return queryset.filter(email_normalized=value.lower())
