"""Queries of messages in the current tenant."""

import uuid

from django.db.models import Exists, OuterRef, Prefetch, QuerySet

from core.tenancy import system_context
from messaging.attachments import Attachment
from messaging.models import Message, MessageAttachment, MessageTag, Recipient, RecipientEvent, SmsPrice


def list_messages() -> QuerySet[Message]:
    """Return the messages with their recipients, without the bodies."""
    return Message.objects.defer("text", "html").prefetch_related("recipients")


def sent_to(rows: QuerySet[Message], address_normalized: str) -> QuerySet[Message]:
    """Filter messages by recipient."""
    return rows.filter(
        Exists(Recipient.objects.filter(message=OuterRef("pk"), address_normalized=address_normalized))
    )


def tagged(rows: QuerySet[Message], tag: str) -> QuerySet[Message]:
    """Filter messages by tag."""
    return rows.filter(Exists(MessageTag.objects.filter(message=OuterRef("pk"), tag=tag)))


def get_message(public_id: str) -> Message:
    """Return the message with its recipients. Raises NotFound if it is missing or belongs to another tenant."""
    return Message.by_public_id(public_id)


def attachments_of(message: Message) -> tuple[Attachment, ...]:
    """Return the attachments of a message with their bytes. Raises ValueError if some are missing."""
    rows = MessageAttachment.objects.filter(message=message).order_by("position")
    contents = [bytes(content) for content in rows.values_list("content", flat=True)]
    return tuple(
        Attachment(described["filename"], described["content_type"], content)
        for described, content in zip(message.attachments, contents, strict=True)
    )


def recipients_with_events(message: Message) -> list[Recipient]:
    """Return the recipients in order, each with its timeline in `line`."""
    line = Prefetch("events", queryset=RecipientEvent.objects.order_by("id"), to_attr="line")
    return list(message.recipients.order_by("position").prefetch_related(line))


def costs_of(message: Message) -> dict[uuid.UUID, SmsPrice]:
    """Return the cost of an SMS for each of its recipients, by recipient ID."""
    return {row.recipient_id: row for row in SmsPrice.objects.filter(recipient__message=message)}


def find_recipient(recipient_id: uuid.UUID) -> Recipient | None:
    """Return a recipient by the ID we gave the provider, before its tenant is known."""
    with system_context(reason="message by provider id"):
        return Recipient.objects.filter(id=recipient_id).first()


def find_recipients_by_provider_id(provider: str, provider_id: str) -> list[Recipient]:
    """Return the recipients with this provider ID, before their tenant is known."""
    with system_context(reason="message by provider id"):
        return list(Recipient.objects.filter(provider=provider, provider_id=provider_id))


def find_recipient_by_address(message_id: uuid.UUID, address_normalized: str) -> Recipient | None:
    """Return a recipient by our Message-ID and its address, before its tenant is known."""
    with system_context(reason="message by provider id"):
        return Recipient.objects.filter(message_id=message_id, address_normalized=address_normalized).first()
