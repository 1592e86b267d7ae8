"""Filters of billing's lists. Each is served by an index under row-level security (docs/architecture.md, Tenancy)."""

from typing import Any

import django_filters
from django.db.models import QuerySet
from django.forms import Form, ValidationError

from billing import selectors
from billing.models import Charge, CreditNote, Customer, Invoice, OffPlatformPayment, Refund
from billing.models.charges import PaymentStatus
from billing.models.credit_notes import CreditNoteStatus
from billing.models.invoices import InvoiceStatus
from core.api.filters import (
    ChoicesFilter,
    CreatedRange,
    DayFilter,
    ExpandFilter,
    StrictBooleanFilter,
    TextFilter,
)
from core.values import ids
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


def _by_reference(queryset: QuerySet[Any], field: str, prefix: str, text: str) -> QuerySet[Any]:
    try:
        return queryset.filter(**{field: ids.decode(prefix, text)})
    except ids.InvalidId:
        return queryset.none()


class InvoiceFilter(CreatedRange):
    """Filters of `GET /v1/invoices`."""

    customer = django_filters.CharFilter(method="by_customer", max_length=64)
    status = ChoicesFilter(choices=InvoiceStatus.choices)
    number = django_filters.CharFilter(max_length=32)
    external_id = TextFilter(max_length=100)
    due_after = DayFilter(field_name="due_date", lookup_expr="gte")
    due_before = DayFilter(field_name="due_date", lookup_expr="lt")
    overdue = StrictBooleanFilter(method="by_overdue", help_text="Still open after its due date (UTC).")
    expand = ExpandFilter(choices=EXPANSIONS)

    def by_customer(self, queryset: QuerySet[Invoice], name: str, value: str) -> QuerySet[Invoice]:
        """Match the invoices of a customer; none for an unknown ID."""
        return _by_reference(queryset, "customer_id", "cus", value)

    def by_overdue(self, queryset: QuerySet[Invoice], name: str, value: bool) -> QuerySet[Invoice]:
        """Match overdue invoices, or all others."""
        return selectors.by_overdue(queryset, value)


class ChargeFilter(CreatedRange):
    """Filters of `GET /v1/charges`."""

    invoice = django_filters.CharFilter(method="by_invoice", max_length=64)
    customer = django_filters.CharFilter(method="by_customer", max_length=64)
    status = ChoicesFilter(choices=PaymentStatus.choices)

    def by_invoice(self, queryset: QuerySet[Charge], name: str, value: str) -> QuerySet[Charge]:
        """Match the charges of an invoice; none for an unknown ID."""
        return _by_reference(queryset, "invoice_id", "in", value)

    def by_customer(self, queryset: QuerySet[Charge], name: str, value: str) -> QuerySet[Charge]:
        """Match the charges of a customer; none for an unknown ID."""
        return _by_reference(queryset, "customer_id", "cus", value)


class RefundFilter(CreatedRange):
    """Filters of `GET /v1/refunds`."""

    charge = django_filters.CharFilter(method="by_charge", max_length=64)
    status = ChoicesFilter(choices=PaymentStatus.choices)

    def by_charge(self, queryset: QuerySet[Refund], name: str, value: str) -> QuerySet[Refund]:
        """Match the refunds of a charge; none for an unknown ID."""
        return _by_reference(queryset, "charge_id", "ch", value)


class PaymentFilter(CreatedRange):
    """Filters of `GET /v1/payments`."""

    invoice = django_filters.CharFilter(method="by_invoice", max_length=64)

    def by_invoice(
        self, queryset: QuerySet[OffPlatformPayment], name: str, value: str
    ) -> QuerySet[OffPlatformPayment]:
        """Match the payments of an invoice; none for an unknown ID."""
        return _by_reference(queryset, "invoice_id", "in", value)


class CreditNoteFilter(CreatedRange):
    """Filters of `GET /v1/credit_notes`."""

    invoice = django_filters.CharFilter(method="by_invoice", max_length=64)
    status = ChoicesFilter(choices=CreditNoteStatus.choices)
    number = django_filters.CharFilter(max_length=40)
    expand = ExpandFilter(choices=EXPANSIONS)

    def by_invoice(self, queryset: QuerySet[CreditNote], name: str, value: str) -> QuerySet[CreditNote]:
        """Match the credit notes of an invoice; none for an unknown ID."""
        return _by_reference(queryset, "invoice_id", "in", value)
