"""Filters of messaging's lists. Each is an equality or a range on an indexed column (docs/architecture.md, Tenancy)."""

import django_filters
from django.db.models import QuerySet

from core.api.filters import ChoicesFilter, CreatedRange, ReferenceFilter
from messaging.channels import channels, find_spellings
from messaging.models import MAX_TOPIC, Message, SenderDomain, SmsSender, Status, Suppression
from messaging.selectors import messages as selectors


class AddressFilter(django_filters.CharFilter):
    """Compares the stored normalized address; an invalid address matches nothing."""

    def filter(self, qs: QuerySet, value: str) -> QuerySet:
        """Filter by the address."""
        if not value:
            return qs
        spellings = find_spellings(value)
        return self._narrow(qs, spellings[0]) if spellings else qs.none()

    def _narrow(self, qs: QuerySet, normalized: str) -> QuerySet:
        return qs.filter(address_normalized=normalized)


class RecipientFilter(AddressFilter):
    """Filters messages by recipient address."""

    def _narrow(self, qs: QuerySet, normalized: str) -> QuerySet:
        return selectors.sent_to(qs, normalized)


class MessageFilter(CreatedRange):
    """Filters of `GET /v1/messages`."""

    channel = ChoicesFilter(choices=[(name, name) for name in sorted(channels())])
    status = ChoicesFilter(choices=Status.choices)
    to = RecipientFilter(max_length=600)
    customer = ReferenceFilter(max_length=100)
    tag = django_filters.CharFilter(method="by_tag", max_length=50)

    def by_tag(self, queryset: QuerySet[Message], name: str, value: str) -> QuerySet[Message]:
        """Match one tag."""
        return selectors.tagged(queryset, value)


class SenderDomainFilter(CreatedRange):
    """Filters of `GET /v1/sender_domains`."""

    status = ChoicesFilter(choices=SenderDomain.Status.choices)


class SmsSenderFilter(CreatedRange):
    """Filters of `GET /v1/sms_senders`."""

    status = ChoicesFilter(choices=SmsSender.Status.choices)


class SuppressionFilter(CreatedRange):
    """Filters of `GET /v1/suppressions`."""

    channel = ChoicesFilter(choices=[(name, name) for name in sorted(channels())])
    origin = ChoicesFilter(choices=Suppression.Origins.choices)
    address = AddressFilter(max_length=600)
    topic = django_filters.CharFilter(max_length=MAX_TOPIC)


class TemplateFilter(CreatedRange):
    """Filters of `GET /v1/templates`."""

    channel = ChoicesFilter(choices=[(name, name) for name in sorted(channels())])
    name = django_filters.CharFilter(max_length=100)
