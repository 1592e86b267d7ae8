"""The suppression list: addresses to which nothing is sent."""

from collections.abc import Iterable

from core.errors import DomainError, FieldError, FieldErrors
from core.events import publish
from core.principal import Principal
from messaging import representations
from messaging.channels import get_channel
from messaging.channels.base import InvalidAddress
from messaging.events import SuppressionCreated, SuppressionDeleted
from messaging.models import Message, Recipient, Suppression
from messaging.selectors import suppressions


class AlreadySuppressed(DomainError):
    """The address is on the suppression list of the channel."""

    code = "already_suppressed"
    status = 409
    title = "This address is already suppressed"
    fix = "Nothing to do: `error.suppression` is the existing entry."
    page_fix = "Nothing to do: no message is sent to it."


def create_suppression(*, actor: Principal, channel: str, address: str, note: str = "") -> Suppression:
    """Add an address to the list manually. Raises FieldErrors for a malformed address, and AlreadySuppressed."""
    try:
        parsed = get_channel(channel).parse(address)
    except InvalidAddress as error:
        raise FieldErrors([FieldError("address", error.code, str(error))]) from error
    row, created = Suppression.objects.get_or_create(
        channel=channel,
        address_normalized=parsed.normalized,
        topic="",
        defaults={"address": parsed.address, "origin": Suppression.Origins.MANUAL, "note": note},
    )
    if not created:
        raise AlreadySuppressed(
            f"{row.address} has been suppressed since {row.created:%Y-%m-%d}.",
            facts={"suppression": row.public_id},
        )
    _publish_created(row, actor)
    return row


def delete_suppression(*, suppression: Suppression, actor: Principal) -> None:
    """Remove an address from the list; new messages can be sent to it again. Raises NotFound."""
    public_id, detail = suppression.public_id, representations.suppression(suppression)
    suppression.locked().delete()
    publish(SuppressionDeleted(object_id=public_id, detail=detail), actor=actor)


def suppress_recipients(
    *, found: Iterable[tuple[Message, Recipient, Suppression.Origins]], actor: Principal
) -> None:
    """Add addresses that hard-bounced or complained to the list; existing entries are left unchanged."""
    for message, recipient, origin in found:
        row, created = Suppression.objects.get_or_create(
            channel=message.channel,
            address_normalized=recipient.address_normalized,
            topic="",
            defaults={"address": recipient.address, "origin": origin, "message": message},
        )
        if created:
            _publish_created(row, actor)


def unsubscribe_recipient(*, message: Message, recipient: Recipient, actor: Principal) -> Suppression:
    """Unsubscribe the recipient of bulk mail from its topic. Idempotent."""
    row, created = Suppression.objects.get_or_create(
        channel=message.channel,
        address_normalized=recipient.address_normalized,
        topic=message.topic,
        defaults={
            "address": recipient.address,
            "origin": Suppression.Origins.UNSUBSCRIBE,
            "message": message,
        },
    )
    if created:
        _publish_created(row, actor)
    return row


def resubscribe_recipient(*, message: Message, recipient: Recipient, actor: Principal) -> None:
    """Undo `unsubscribe_recipient`. Entries that block all mail (bounces, complaints, the company's own) are kept."""
    row = suppressions.find_unsubscription(message, recipient)
    if row is not None:
        delete_suppression(suppression=row, actor=actor)


def _publish_created(row: Suppression, actor: Principal) -> None:
    publish(SuppressionCreated(object_id=row.public_id, detail=representations.suppression(row)), actor=actor)
