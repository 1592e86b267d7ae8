"""Reads of the suppression list, inside the current tenant."""

from django.db.models import QuerySet

from messaging.models import Message, Recipient, Suppression

# What the list is sorted by, and the column of the tenant's index that serves it.
SUPPRESSION_SORT = {"address": "address_normalized"}


def list_suppressions() -> QuerySet[Suppression]:
    """Return the suppressed addresses."""
    return Suppression.objects.all()


def get_suppression(public_id: str) -> Suppression:
    """Return the entry; raises core.errors.NotFound when it is missing or foreign."""
    return Suppression.by_public_id(public_id)


def find_unsubscription(message: Message, recipient: Recipient) -> Suppression | None:
    """Return the entry by which the recipient has left the topic of `message`, if there is one."""
    return Suppression.objects.filter(
        channel=message.channel, address_normalized=recipient.address_normalized, topic=message.topic
    ).first()
