"""Accepting and canceling messages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from billing.models import Customer
from billing.selectors import get_customer
from core import clock, jobs
from core.errors import DomainError, FieldError, FieldErrors, NotFound
from core.events import publish
from core.principal import Principal
from core.tenancy import require_tenant
from messaging import representations
from messaging.channels import get_channel
from messaging.channels.base import Address, Channel, Content, InvalidAddress
from messaging.events import MessageCanceled, MessageQueued
from messaging.models import MAX_RECIPIENTS, Message, MessageTag, Recipient, Status
from messaging.selectors.usage import Usage
from messaging.services import caps, senders, sms_senders
from messaging.services.statistics import Change, count_changes

SEND_TASK = "messaging.send_due"
BULK_CHANNEL = "email"
SCHEDULE_AHEAD = timedelta(days=30)
# A clock that runs a little behind ours is no reason to refuse a message.
CLOCK_TOLERANCE = timedelta(minutes=5)


class MessageNotCancelable(DomainError):
    """The message is being sent, was sent, or was canceled before."""

    code = "message_not_cancelable"
    status = 409
    title = "The message can no longer be canceled"
    fix = "Only messages that are `queued` or `scheduled` can be canceled; `error.status` says what became of this one."


@dataclass(frozen=True, slots=True)
class Accepted:
    """A message that was accepted, its recipients, and the daily use it leaves."""

    message: Message
    recipients: list[Recipient]
    usage: Usage


def create_message(
    *,
    actor: Principal,
    channel: str,
    to: Sequence[str] = (),
    cc: Sequence[str] = (),
    bcc: Sequence[str] = (),
    sender: str = "",
    reply_to: Sequence[str] = (),
    subject: str = "",
    text: str = "",
    html: str = "",
    send_at: datetime | None = None,
    customer: str | None = None,
    tags: Sequence[str] = (),
    metadata: Mapping[str, str] | None = None,
    bulk: Mapping[str, str] | None = None,
) -> Accepted:
    """Accept a message: the row, its recipients, the cap's count and the event are one transaction.

    `customer` is a `cus_` id; without `to` the message goes to the customer's own address. `send_at` may lie up to 30
    days ahead. `bulk` makes it bulk mail of a `topic`, which its recipients can leave by one click (RFC 8058); without it
    the message is transactional. Raises FieldErrors for anything malformed (nothing is queued), senders.SenderNotVerified, and
    caps.DailyCapExceeded.
    """
    now = clock.now()
    way = get_channel(channel)
    topic = bulk["topic"] if bulk else ""
    _check_bulk(way, topic, cc=cc, bcc=bcc)
    checked = way.check(Content(sender, reply_to, subject, text, html, cc, bcc, topic))
    person = _find_customer(customer)
    moment = _check_send_at(send_at, now)
    addresses = _read_addresses(way, person, to=to, cc=cc, bcc=bcc)
    # After everything that is malformed, which is the caller's to mend first.
    chosen = senders.choose_sender(way, checked, is_named=bool(sender))
    wanted = [address.normalized for _, address in addresses]
    if chosen.members_only:
        senders.require_members(wanted)
    if channel == "sms":
        sms_senders.require_reachable(wanted)
    scheduled = moment > now
    message: Message = Message.objects.create(
        channel=channel,
        status=Status.SCHEDULED if scheduled else Status.QUEUED,
        sender=chosen.sender,
        reply_to=chosen.reply_to,
        subject=subject,
        text=text,
        html=html,
        customer=person,
        topic=topic,
        tags=list(dict.fromkeys(tags)),
        metadata=dict(metadata or {}),
        recipient_count=len(addresses),
        created_by=actor.id[:64],
        send_at=moment,
        due_at=moment,
        created=now,
        updated=now,
    )
    recipients = Recipient.objects.bulk_create(
        [
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
            for position, (kind, address) in enumerate(addresses)
        ]
    )
    MessageTag.objects.bulk_create([MessageTag(message=message, tag=tag) for tag in message.tags])
    count_changes(Change(message, Status.QUEUED, now) for _ in recipients)
    publish(
        MessageQueued(object_id=message.public_id, object=representations.summary(message, recipients)),
        actor=actor,
    )
    if not scheduled:
        jobs.wake(SEND_TASK)
    usage = caps.reserve(channel=channel, moment=moment, recipients=len(recipients), now=now)
    return Accepted(message, recipients, usage)


def cancel_message(*, message: Message, actor: Principal) -> Accepted:
    """Cancel a message that no worker has taken yet; its recipients are given back to the cap of its day.

    Raises MessageNotCancelable.
    """
    now = clock.now()
    # Waits for a worker that is just claiming the row, and then sees its status.
    locked = Message.objects.select_for_update().get(id=message.id)
    if locked.status not in (Status.QUEUED, Status.SCHEDULED):
        raise MessageNotCancelable(f"The message is {locked.status}.", facts={"status": locked.status})
    locked.status, locked.due_at, locked.updated = Status.CANCELED, None, now
    locked.save(update_fields=["status", "due_at", "updated"])
    locked.recipients.update(status=Status.CANCELED, updated=now)
    recipients = list(locked.recipients.all())
    count_changes(Change(locked, Status.CANCELED, now) for _ in recipients)
    publish(
        MessageCanceled(object_id=locked.public_id, object=representations.summary(locked, recipients)),
        actor=actor,
    )
    caps.give_back(channel=locked.channel, moment=locked.send_at, recipients=locked.recipient_count)
    usage = Usage(
        locked.channel,
        locked.send_at.date(),
        caps.used_on(locked.channel, locked.send_at.date()),
        caps.cap_of(locked.channel),
    )
    return Accepted(locked, recipients, usage)


def _find_customer(public_id: str | None) -> Customer | None:
    if public_id is None:
        return None
    try:
        return get_customer(public_id)
    except NotFound as error:
        raise FieldErrors([FieldError("customer", "not_found", "There is no such customer.")]) from error


def _check_bulk(way: Channel, topic: str, **copies: Sequence[str]) -> None:
    """Refuse bulk messages that are no email, and copies of bulk mail: each recipient has a link of their own."""
    if not topic:
        return
    if way.name != BULK_CHANNEL:
        raise FieldErrors([FieldError("bulk", "not_supported", f"{way.label} messages have no such part.")])
    problems = [
        FieldError(name, "not_supported", "Bulk mail goes to each recipient alone: name them in `to`.")
        for name, group in copies.items()
        if group
    ]
    if problems:
        raise FieldErrors(problems)


def _check_send_at(send_at: datetime | None, now: datetime) -> datetime:
    if send_at is None:
        return now
    if send_at < now - CLOCK_TOLERANCE:
        raise FieldErrors([FieldError("send_at", "in_the_past", "This time has passed.")])
    if send_at > now + SCHEDULE_AHEAD:
        raise FieldErrors(
            [
                FieldError(
                    "send_at", "too_far_ahead", f"At most {SCHEDULE_AHEAD.days} days ahead are accepted."
                )
            ]
        )
    return max(send_at, now)


def _read_addresses(
    way: Channel, person: Customer | None, **groups: Sequence[str]
) -> list[tuple[str, Address]]:
    """Return (kind, address) of every recipient; raises FieldErrors naming each that is refused."""
    is_own = not groups["to"] and person is not None
    if person is not None and is_own:
        own = way.customer_address(person)
        if not own:
            raise FieldErrors(
                [FieldError("customer", "no_address", f"The customer has no address for {way.label}.")]
            )
        groups["to"] = [own]
    if not groups["to"]:
        raise FieldErrors([FieldError("to", "required", "Name at least one recipient, or a `customer`.")])
    if sum(len(group) for group in groups.values()) > MAX_RECIPIENTS:
        raise FieldErrors(
            [
                FieldError(
                    "to",
                    "too_many",
                    f"A message has at most {MAX_RECIPIENTS} recipients, cc and bcc included.",
                )
            ]
        )
    found: list[tuple[str, Address]] = []
    seen: set[str] = set()
    problems: list[FieldError] = []
    live = require_tenant().mode == "live"
    for kind, texts in groups.items():
        for index, text in enumerate(texts):
            field = f"{kind}.{index}"
            try:
                address = way.parse(text)
            except InvalidAddress as error:
                if is_own:
                    field = "customer"  # the caller sent no other; the address is older than its rules
                problems.append(FieldError(field, error.code, str(error)))
                continue
            if address.normalized in seen:
                problems.append(FieldError(field, "duplicate", "This address is named more than once."))
            elif live and way.magic_outcome(address.normalized) is not None:
                problems.append(
                    FieldError(
                        field, "test_address", "This address exists in test mode only: use a test key."
                    )
                )
            seen.add(address.normalized)
            found.append((kind, address))
    if problems:
        raise FieldErrors(problems)
    return found
