"""Accepting and canceling messages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core import clock
from core.background import jobs
from core.errors import DomainError
from core.events import publish, publish_all
from core.principal import Principal
from messaging import representations
from messaging.attachments import Attachment
from messaging.channels import get_channel
from messaging.channels.base import Content
from messaging.events import MessageCanceled, MessageQueued
from messaging.models import Message, MessageAttachment, MessageTag, Recipient, Status
from messaging.selectors.usage import ChannelUsage, cap_of, used_on
from messaging.services import caps, composing, reputation, senders, sms_senders, spend
from messaging.services.drafts import Draft, Item, check_send_at, read_items
from messaging.services.statistics import Change, count_changes

SEND_TASK = "messaging.send_due"


class MessageNotCancelable(DomainError):
    """The message is being sent, was sent, or has been canceled."""

    code = "message_not_cancelable"
    status = 409
    title = "The message can no longer be canceled"
    fix = "Only messages that are `queued` or `scheduled` can be canceled; `error.status` is the status of this one."
    page_fix = "Only messages that are queued or scheduled can be canceled."


@dataclass(frozen=True, slots=True)
class Accepted:
    """An accepted message, its recipients, and the remaining daily use."""

    message: Message
    recipients: list[Recipient]
    usage: ChannelUsage


def create_message(
    *,
    actor: Principal,
    to: Sequence[str] = (),
    cc: Sequence[str] = (),
    bcc: Sequence[str] = (),
    customer: str | None = None,
    variables: Mapping[str, Any] | None = None,
    metadata: Mapping[str, str] | None = None,
    **shared: Any,
) -> Accepted:
    """Accept a message: the row, its recipients, the cap's count and the event are one transaction.

    `customer` is a `cus_` ID; without `to` the message goes to the customer's own address. For the other arguments and errors, see
    `accept_messages`.
    """
    item = Item(to, cc, bcc, customer, variables or {}, metadata or {})
    [accepted] = accept_messages(actor=actor, items=[item], **shared)
    return accepted


def create_batch(
    *, actor: Principal, recipients: Sequence[Mapping[str, Any]], **shared: Any
) -> list[Accepted]:
    """Accept a message for each of `recipients`, all of them or none.

    Each has a `to` or a `customer`, and may have its own `variables` and `metadata`. Error fields start with the index in the list,
    from 0: `recipients.3.to`. For the other arguments and errors, see `accept_messages`.
    """
    items = [
        Item(
            to=[one["to"]] if one.get("to") else (),
            customer=one.get("customer"),
            variables=one.get("variables") or {},
            metadata=one.get("metadata") or {},
            before=f"recipients.{index}.",
        )
        for index, one in enumerate(recipients)
    ]
    return accept_messages(actor=actor, items=items, **shared)


def accept_messages(
    *,
    actor: Principal,
    items: Sequence[Item],
    channel: str,
    sender: str = "",
    reply_to: Sequence[str] = (),
    subject: str = "",
    text: str = "",
    html: str = "",
    template: str | None = None,
    template_version: int | None = None,
    send_at: datetime | None = None,
    tags: Sequence[str] = (),
    bulk: Mapping[str, str] | None = None,
    attachments: Sequence[Attachment] = (),
    headers: Mapping[str, str] | None = None,
) -> list[Accepted]:
    """Accept messages with the same content for different recipients, in one transaction; the last one's usage includes all of them.

    `send_at` may be up to 30 days ahead. `bulk` marks bulk mail of a `topic`, which recipients can leave with one click (RFC 8058);
    other messages are transactional. A `template` (a `tpl_` ID) provides the texts, by default in its newest version, filled in
    with each item's variables. `attachments` are added to each message. Raises FieldErrors for any malformed item,
    senders.SenderNotVerified, spend.SmsSpendCapExceeded and caps.DailyCapExceeded; then nothing is queued or counted.
    """
    now = clock.now()
    way = get_channel(channel)
    topic = bulk["topic"] if bulk else ""
    version = composing.find_template(
        template, template_version, channel=channel, texts={"subject": subject, "text": text, "html": html}
    )
    same = Content(
        sender, reply_to, subject, text, html, bulk=topic, attachments=attachments, headers=headers or {}
    )
    drafts = read_items(way, items, same, version)
    moment = check_send_at(send_at, now)
    # After all malformed fields, which the caller has to fix first.
    chosen = senders.choose_sender(way, drafts[0].checked, is_named=bool(sender))
    wanted = [address.normalized for draft in drafts for _, address in draft.addresses]
    if chosen.members_only:
        senders.require_members(wanted)
    if channel == "sms":
        sms_senders.require_reachable(wanted)
    reputation.require_reputation(channel=channel, recipients=len(wanted))
    scheduled = moment > now
    messages: list[Message] = Message.objects.bulk_create(
        Message(
            channel=channel,
            status=Status.SCHEDULED if scheduled else Status.QUEUED,
            sender=chosen.sender,
            reply_to=chosen.reply_to,
            subject=draft.content.subject,
            text=draft.content.text,
            html=draft.content.html,
            customer=draft.customer,
            topic=topic,
            attachments=[_described(one) for one in attachments],
            headers=draft.checked.headers,
            template=template or "",
            template_version=version.number if version else None,
            tags=list(dict.fromkeys(tags)),
            metadata=draft.metadata,
            recipient_count=len(draft.addresses),
            created_by=actor.id[:64],
            send_at=moment,
            due_at=moment,
            created=now,
            updated=now,
        )
        for draft in drafts
    )
    pairs = list(zip(messages, drafts, strict=True))
    groups = [_recipients(message, draft, now) for message, draft in pairs]
    Recipient.objects.bulk_create([row for group in groups for row in group])
    MessageTag.objects.bulk_create(
        [MessageTag(message=message, tag=tag) for message in messages for tag in message.tags]
    )
    if attachments:
        MessageAttachment.objects.bulk_create(
            MessageAttachment(message=message, position=position, content=one.content)
            for message in messages
            for position, one in enumerate(attachments)
        )
    count_changes(Change(row.message, Status.QUEUED, now) for group in groups for row in group)
    publish_all(
        [
            MessageQueued(object_id=message.public_id, object=representations.summary(message, group))
            for message, group in zip(messages, groups, strict=True)
        ],
        actor=actor,
    )
    if not scheduled:
        jobs.wake(SEND_TASK)
    if channel == "sms":
        spend.hold(messages=zip((one.text for one in messages), groups, strict=True), moment=moment, now=now)
    usage = caps.reserve(channel=channel, moment=moment, recipients=len(wanted), now=now)
    return [Accepted(message, group, usage) for message, group in zip(messages, groups, strict=True)]


def _described(attachment: Attachment) -> dict[str, Any]:
    return {
        "filename": attachment.filename,
        "content_type": attachment.content_type,
        "size": attachment.size,
    }


def _recipients(message: Message, draft: Draft, now: datetime) -> list[Recipient]:
    return [
        Recipient(
            message=message,
            position=position,
            kind=kind,
            name=address.name,
            address=address.address,
            address_normalized=address.normalized,
            created=now,
            updated=now,
        )
        for position, (kind, address) in enumerate(draft.addresses)
    ]


def check_cancel(message: Message) -> None:
    """Raise MessageNotCancelable once a worker has claimed the message."""
    if message.status not in (Status.QUEUED, Status.SCHEDULED):
        raise MessageNotCancelable(f"The message is {message.status}.", facts={"status": message.status})


def cancel_message(*, message: Message, actor: Principal) -> Accepted:
    """Cancel a message that no worker has claimed yet; its recipients are released from the caps of its day.

    Raises MessageNotCancelable, NotFound.
    """
    now = clock.now()
    # Waits for a worker that is claiming the row concurrently, and then sees its status.
    locked = message.locked()
    check_cancel(locked)
    locked.status, locked.due_at, locked.updated = Status.CANCELED, None, now
    locked.save(update_fields=["status", "due_at", "updated"])
    locked.recipients.update(status=Status.CANCELED, updated=now)
    recipients = list(locked.recipients.all())
    count_changes(Change(locked, Status.CANCELED, now) for _ in recipients)
    publish(
        MessageCanceled(object_id=locked.public_id, object=representations.summary(locked, recipients)),
        actor=actor,
    )
    if locked.channel == "sms":
        spend.release(message=locked)
    caps.release(channel=locked.channel, moment=locked.send_at, recipients=locked.recipient_count)
    usage = ChannelUsage(
        locked.channel,
        locked.send_at.date(),
        used_on(locked.channel, locked.send_at.date()),
        cap_of(locked.channel),
    )
    return Accepted(locked, recipients, usage)
