"""Queries of the suppression list in the current tenant."""

from django.db.models import QuerySet

from messaging.models import Message, Recipient, Suppression

# The sort columns of the list, served by the tenant's index.
SUPPRESSION_SORT = {"address": "address_normalized"}


def list_suppressions() -> QuerySet[Suppression]:
    """Return the suppressed addresses."""
    return Suppression.objects.all()


def get_suppression(public_id: str) -> Suppression:
    """Return the entry. Raises core.errors.NotFound if it is missing or belongs to another tenant."""
    return Suppression.by_public_id(public_id)


def find_unsubscription(message: Message, recipient: Recipient) -> Suppression | None:
    """Return the entry with which the recipient unsubscribed from the topic of `message`, if any."""
    return Suppression.objects.filter(
        channel=message.channel, address_normalized=recipient.address_normalized, topic=message.topic
    ).first()
