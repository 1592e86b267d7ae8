"""Filters of billing's lists. Each is served by an index under row-level security (docs/architecture.md, Tenancy)."""

from typing import Any

import django_filters
from django.db.models import QuerySet
from django.forms import Form, ValidationError

from billing import selectors
from billing.models import Customer, Invoice
from billing.models.charges import PaymentStatus
from billing.models.credit_notes import CreditNoteStatus
from billing.models.invoices import InvoiceStatus
from core.api.filters import (
    ChoicesFilter,
    CreatedRange,
    DayFilter,
    ExpandFilter,
    ReferenceFilter,
    StrictBooleanFilter,
    TextFilter,
)
from core.values.metadata import MAX_NAME, MAX_VALUE

EXPANSIONS = [("lines", "The lines")]


class CustomerFilterForm(Form):
    """Requires a metadata key for a metadata value."""

    def clean(self) -> dict[str, Any]:
        """Refuse `metadata_value` without `metadata_key`."""
        values = super().clean() or {}
        if values.get("metadata_value") and not values.get("metadata_key"):
            self.add_error("metadata_value", ValidationError("Send metadata_key too.", code="invalid"))
        return values


class CustomerFilter(CreatedRange):
    """Filters of `GET /v1/customers`."""

    email = django_filters.CharFilter(method="by_email", max_length=254)
    external_id = TextFilter(max_length=100)
    metadata_key = django_filters.CharFilter(method="by_metadata", max_length=MAX_NAME)
    metadata_value = django_filters.CharFilter(method="with_key", max_length=MAX_VALUE)
    search = django_filters.CharFilter(method="by_words", max_length=200)

    class Meta:
        form = CustomerFilterForm

    def by_email(self, queryset: QuerySet[Customer], name: str, value: str) -> QuerySet[Customer]:
        """Match the email case-insensitively, by the stored normalized column, which has an index."""
        return queryset.filter(email_normalized=selectors.email_spelling(value))

    def by_metadata(self, queryset: QuerySet[Customer], name: str, value: str) -> QuerySet[Customer]:
        """Match customers that have this metadata key (and this value, if given)."""
        wanted = self.form.cleaned_data.get("metadata_value") or None
        return selectors.with_metadata(queryset, value, wanted)

    def with_key(self, queryset: QuerySet[Customer], name: str, value: str) -> QuerySet[Customer]:
        """Applied together with its key."""
        return queryset

    def by_words(self, queryset: QuerySet[Customer], name: str, value: str) -> QuerySet[Customer]:
        """Match customers by prefixes of words in name, email, phone and external_id."""
        return selectors.matching_words(queryset, value)


class InvoiceFilter(CreatedRange):
    """Filters of `GET /v1/invoices`."""

    customer = ReferenceFilter(max_length=64)
    status = ChoicesFilter(choices=InvoiceStatus.choices)
    number = django_filters.CharFilter(max_length=32)
    external_id = TextFilter(max_length=100)
    due_after = DayFilter(field_name="due_date", lookup_expr="gte")
    due_before = DayFilter(field_name="due_date", lookup_expr="lt")
    overdue = StrictBooleanFilter(method="by_overdue", help_text="Still open after its due date (UTC).")
    expand = ExpandFilter(choices=EXPANSIONS)

    def by_overdue(self, queryset: QuerySet[Invoice], name: str, value: bool) -> QuerySet[Invoice]:
        """Match overdue invoices, or all others."""
        return selectors.by_overdue(queryset, value)


class ChargeFilter(CreatedRange):
    """Filters of `GET /v1/charges`."""

    invoice = ReferenceFilter(max_length=64)
    customer = ReferenceFilter(max_length=64)
    status = ChoicesFilter(choices=PaymentStatus.choices)


class RefundFilter(CreatedRange):
    """Filters of `GET /v1/refunds`."""

    charge = ReferenceFilter(max_length=64)
    status = ChoicesFilter(choices=PaymentStatus.choices)


class PaymentFilter(CreatedRange):
    """Filters of `GET /v1/payments`."""

    invoice = ReferenceFilter(max_length=64)


class CreditNoteFilter(CreatedRange):
    """Filters of `GET /v1/credit_notes`."""

    invoice = ReferenceFilter(max_length=64)
    status = ChoicesFilter(choices=CreditNoteStatus.choices)
    number = django_filters.CharFilter(max_length=40)
    expand = ExpandFilter(choices=EXPANSIONS)
