"""Filters of webhooks' lists."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import QuerySet
from django.forms import Form, ValidationError

from core.api.filters import ChoicesFilter, CreatedRange, ReferenceFilter, WholeNumberFilter
from core.api.schema_enums import name_values
from core.api.waiting import LONGEST_SECONDS
from core.models import OutboxEvent
from webhooks.catalogue import CATALOGUE, TEST_EVENT
from webhooks.models import Delivery


class DeliveryFilter(CreatedRange):
    """Filters of `GET /v1/deliveries`."""

    endpoint = ReferenceFilter(max_length=64)
    event_type = ChoicesFilter(choices=[(name, name) for name in [*CATALOGUE, TEST_EVENT]])
    status = ChoicesFilter(choices=Delivery.Status.choices)


ORDERS = [("newest_first", "Newest first"), ("oldest_first", "Oldest first")]
name_values("EventOrder", [value for value, _ in ORDERS])


class EventFilterForm(Form):
    """Validates that `wait` is only used when reading forward from an event."""

    def clean(self) -> dict[str, Any]:
        """Refuse `wait` in any other order than `oldest_first`."""
        values = super().clean() or {}
        if values.get("wait") and values.get("order") != "oldest_first":
            self.add_error("wait", ValidationError("Send order=oldest_first too.", code="invalid"))
        return values


class EventFilter(CreatedRange):
    """Filters of `GET /v1/events`."""

    type = ChoicesFilter(choices=[(name, name) for name in CATALOGUE])
    object_id = django_filters.CharFilter(max_length=64)
    order = django_filters.ChoiceFilter(
        choices=ORDERS,
        method="keep_order",
        help_text="With `oldest_first`, `starting_after` continues from the last event seen without missing any.",
    )

    wait = WholeNumberFilter(
        lowest=0,
        highest=LONGEST_SECONDS,
        method="keep_order",
        help_text="With `oldest_first`: if there is nothing yet, keep the request open for up to this many "
        "seconds, until the next event. An empty page may be returned sooner; a request that waited and found something counts twice against the limits.",
    )

    class Meta:
        form = EventFilterForm

    def keep_order(
        self, queryset: QuerySet[OutboxEvent], name: str, value: str | int
    ) -> QuerySet[OutboxEvent]:
        """Do nothing: the pagination handles the order, and the view the wait."""
        return queryset
