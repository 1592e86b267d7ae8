"""Records the outcomes of recipients, as reported by our workers or by a provider's callback.

The only place that changes a recipient's status: timeline, message status, statistics, suppressions and events are written
together, so that none can be missed.
"""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from core import clock
from core.events import publish_all
from core.postgres.rows import insert_rows, update_rows
from core.principal import Principal
from core.values.texts import storable
from messaging import representations
from messaging.events import BY_STATUS
from messaging.models import FOLLOWS, PRECEDENCE, Message, Recipient, RecipientEvent, Status, Suppression
from messaging.services.statistics import Change, count_changes
from messaging.services.suppressions import suppress_recipients

# The source of updates that did not come from a provider.
OURSELVES = "pomelo"
# The error code after the last attempt. The message may still have been sent, if the responses were lost.
RETRIES_EXHAUSTED = "retries_exhausted"


@dataclass(frozen=True, slots=True)
class RecipientUpdate:
    """A status update of one recipient. `kind` is a status, or `deferred`, which changes none."""

    recipient_id: uuid.UUID
    kind: str
    source: str
    code: str = ""
    detail: str = ""
    provider_id: str = ""
    attempt: int | None = None
    note_id: str | None = None
    suppress: bool = False


def lock_messages(message_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, Message]:
    """Lock the current tenant's messages, in key order, so that callers cannot deadlock."""
    rows = Message.objects.select_for_update().filter(id__in=list(message_ids)).order_by("id")
    return {row.id: row for row in rows}


def recipients_of(message_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, Recipient]:
    """Return the recipients of messages by recipient id."""
    return {row.id: row for row in Recipient.objects.filter(message_id__in=list(message_ids))}


def record_updates(
    *,
    messages: Mapping[uuid.UUID, Message],
    recipients: Mapping[uuid.UUID, Recipient],
    updates: Sequence[RecipientUpdate],
    actor: Principal,
) -> None:
    """Apply `updates` to locked messages and all of their recipients, in the current tenant's transaction.

    What providers report is stored even if it contains unusual characters. Updates that cannot follow the current status
    (duplicate or late) are kept in the timeline and change nothing else.
    """
    now = clock.now()
    updates = [_storable(item) for item in updates]
    touched, changes, suppressions = _apply(messages, recipients, updates, now)
    if touched:
        _save_recipients(touched.values(), now)
    insert_rows(
        RecipientEvent,
        [
            {
                "recipient_id": item.recipient_id,
                "kind": item.kind,
                "code": item.code[:50],
                "detail": item.detail[:500],
                "attempt": item.attempt,
                "source": item.source,
                "note_id": item.note_id,
                "created": now,
            }
            for item in updates
        ],
        ignore_conflicts=True,
    )
    count_changes(changes)
    by_message: dict[uuid.UUID, list[Recipient]] = defaultdict(list)
    for recipient in recipients.values():
        by_message[recipient.message_id].append(recipient)
    for message in messages.values():
        _settle(message, by_message[message.id])
    _save_messages(messages.values(), now)
    suppress_recipients(found=suppressions, actor=actor)
    # One event for each status reached by any recipient of a message, in the order in which they were reported.
    events = []
    for message, status in dict.fromkeys((change.message, change.status) for change in changes):
        message.updated = now
        summary = representations.summary(message, by_message[message.id])
        events.append(BY_STATUS[status](object_id=message.public_id, object=summary))
    publish_all(events, actor=actor)


def _storable(item: RecipientUpdate) -> RecipientUpdate:
    return replace(
        item,
        code=storable(item.code),
        detail=storable(item.detail),
        provider_id=storable(item.provider_id),
        note_id=storable(item.note_id) if item.note_id is not None else None,
    )


def _apply(
    messages: Mapping[uuid.UUID, Message],
    recipients: Mapping[uuid.UUID, Recipient],
    updates: Sequence[RecipientUpdate],
    now: datetime,
) -> tuple[dict[uuid.UUID, Recipient], list[Change], list[tuple[Message, Recipient, Suppression.Origins]]]:
    touched: dict[uuid.UUID, Recipient] = {}
    changes: list[Change] = []
    suppressions: list[tuple[Message, Recipient, Suppression.Origins]] = []
    for item in updates:
        recipient = recipients[item.recipient_id]
        message = messages[recipient.message_id]
        if not recipient.provider_id and item.source != OURSELVES:
            recipient.provider, recipient.provider_id = item.source, item.provider_id[:200]
            touched[recipient.id] = recipient
        if item.kind not in FOLLOWS[recipient.status]:
            continue
        recipient.status, recipient.updated = item.kind, now
        recipient.error_code, recipient.error_message = item.code[:50], item.detail[:500]
        if item.kind in (Status.SENT, Status.DELIVERED):
            recipient.error_code = recipient.error_message = ""
        touched[recipient.id] = recipient
        changes.append(Change(message, item.kind, now))
        if item.kind == Status.COMPLAINED:
            suppressions.append((message, recipient, Suppression.Origins.COMPLAINT))
        elif item.suppress and item.kind == Status.BOUNCED:
            suppressions.append((message, recipient, Suppression.Origins.BOUNCE))
    return touched, changes, suppressions


def _settle(message: Message, recipients: Sequence[Recipient]) -> None:
    """Set the status of a message from its recipients' once none of them is pending."""
    found = {recipient.status for recipient in recipients}
    if Status.QUEUED in found:
        return
    message.status = next(status for status in PRECEDENCE if status in found)
    message.due_at = None


def _save_recipients(rows: Iterable[Recipient], now: datetime) -> None:
    update_rows(
        Recipient,
        [
            {
                "id": row.id,
                "status": row.status,
                "error_code": row.error_code,
                "error_message": row.error_message,
                "provider": row.provider,
                "provider_id": row.provider_id,
                "updated": now,
            }
            for row in rows
        ],
    )


def _save_messages(rows: Iterable[Message], now: datetime) -> None:
    update_rows(
        Message,
        [
            {
                "id": row.id,
                "status": row.status,
                "due_at": row.due_at,
                "deferrals": row.deferrals,
                "updated": now,
            }
            for row in rows
        ],
    )
