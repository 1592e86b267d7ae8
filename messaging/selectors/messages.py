"""Reads of messages, inside the current tenant."""

import uuid

from django.db.models import Exists, OuterRef, Prefetch, QuerySet

from core.tenancy import system_context
from messaging.attachments import Attachment
from messaging.models import Message, MessageAttachment, MessageTag, Recipient, RecipientEvent, SmsPrice


def list_messages() -> QuerySet[Message]:
    """Return the messages with their recipients, without the bodies, which lists do not show."""
    return Message.objects.defer("text", "html").prefetch_related("recipients")


def sent_to(rows: QuerySet[Message], address_normalized: str) -> QuerySet[Message]:
    """Narrow messages to those with this recipient."""
    return rows.filter(
        Exists(Recipient.objects.filter(message=OuterRef("pk"), address_normalized=address_normalized))
    )


def tagged(rows: QuerySet[Message], tag: str) -> QuerySet[Message]:
    """Narrow messages to those with this tag."""
    return rows.filter(Exists(MessageTag.objects.filter(message=OuterRef("pk"), tag=tag)))


def get_message(public_id: str) -> Message:
    """Return the message with its recipients; raises NotFound when it is missing or foreign."""
    return Message.by_public_id(public_id)


def attachments_of(message: Message) -> tuple[Attachment, ...]:
    """Return the files that go along with a message, with their bytes. Raises ValueError where some are missing."""
    rows = MessageAttachment.objects.filter(message=message).order_by("position")
    contents = [bytes(content) for content in rows.values_list("content", flat=True)]
    return tuple(
        Attachment(described["filename"], described["content_type"], content)
        for described, content in zip(message.attachments, contents, strict=True)
    )


def recipients_with_events(message: Message) -> list[Recipient]:
    """Return the recipients in their order, each with its time line in `line`."""
    line = Prefetch("events", queryset=RecipientEvent.objects.order_by("id"), to_attr="line")
    return list(message.recipients.order_by("position").prefetch_related(line))


def costs_of(message: Message) -> dict[uuid.UUID, SmsPrice]:
    """Return what an SMS cost for each of its recipients, by their ids."""
    return {row.recipient_id: row for row in SmsPrice.objects.filter(recipient__message=message)}


def find_recipient(recipient_id: uuid.UUID) -> Recipient | None:
    """Return a recipient by the id we gave a provider to name it by, before its tenant is known."""
    with system_context(reason="message by provider id"):
        return Recipient.objects.filter(id=recipient_id).first()


def find_recipients_by_provider_id(provider: str, provider_id: str) -> list[Recipient]:
    """Return the recipients that a provider knows by this id, before their tenant is known."""
    with system_context(reason="message by provider id"):
        return list(Recipient.objects.filter(provider=provider, provider_id=provider_id))


def find_recipient_by_address(message_id: uuid.UUID, address_normalized: str) -> Recipient | None:
    """Return the recipient of a message named by our own Message-ID, before its tenant is known."""
    with system_context(reason="message by provider id"):
        return Recipient.objects.filter(message_id=message_id, address_normalized=address_normalized).first()
