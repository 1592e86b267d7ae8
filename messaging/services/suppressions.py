"""The suppression list: addresses nothing is sent to."""

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


def create_suppression(*, actor: Principal, channel: str, address: str, note: str = "") -> Suppression:
    """Put an address on the list by hand. Raises FieldErrors for a malformed address, and AlreadySuppressed."""
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
    """Take an address off the list; messages sent from now on go to it again. Raises NotFound."""
    public_id, detail = suppression.public_id, representations.suppression(suppression)
    suppression.locked().delete()
    publish(SuppressionDeleted(object_id=public_id, detail=detail), actor=actor)


def suppress_recipients(
    *, found: Iterable[tuple[Message, Recipient, Suppression.Origins]], actor: Principal
) -> None:
    """Put addresses on the list that bounced for good or complained; those that are on it stay as they are."""
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
    """Take the recipient of bulk mail off its topic; a second time changes nothing."""
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
    """Undo `unsubscribe_recipient`. What stops everything (a bounce, a complaint, the company's own entry) stays."""
    row = suppressions.find_unsubscription(message, recipient)
    if row is not None:
        delete_suppression(suppression=row, actor=actor)


def _publish_created(row: Suppression, actor: Principal) -> None:
    publish(SuppressionCreated(object_id=row.public_id, detail=representations.suppression(row)), actor=actor)
