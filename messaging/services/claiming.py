"""Taking work: messages that are due, by lease, a fair share of each company's (docs/architecture.md, Messages)."""

import time
import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import connection

from core import clock
from core.tenancy import Tenant, system_context
from messaging.models import Message, Recipient, Status
from messaging.selectors.senders import NOBODY, Senders, senders_of

BATCH = 128
# A worker that dies gives its messages back after this long. No call is begun that could outlast it (see sending.py).
LEASE = timedelta(seconds=120)
# Kept between the end of the last call and the end of the lease, to write down what it said.
MARGIN_SECONDS = 5.0

# Companies with work are found by hopping along the index, not by reading their queues; each gives an equal share, so that
# one company's backlog delays nobody else. Suspended companies keep their queue and lose nothing.
_CLAIM = """
WITH RECURSIVE waiting AS (
  (SELECT company_id FROM messaging_message WHERE due_at IS NOT NULL ORDER BY company_id LIMIT 1)
  UNION ALL
  SELECT (
    SELECT m.company_id FROM messaging_message m
    WHERE m.due_at IS NOT NULL AND m.company_id > w.company_id ORDER BY m.company_id LIMIT 1
  ) FROM waiting w WHERE w.company_id IS NOT NULL
), ready AS MATERIALIZED (
  SELECT w.company_id FROM waiting w JOIN accounts_company c ON c.id = w.company_id
  WHERE c.suspended_at IS NULL AND EXISTS (
    SELECT 1 FROM messaging_message m WHERE m.company_id = w.company_id AND m.due_at <= %(now)s
  )
), taken AS MATERIALIZED (
  SELECT share.id FROM ready CROSS JOIN LATERAL (
    SELECT m.id FROM messaging_message m
    WHERE m.company_id = ready.company_id AND m.due_at <= %(now)s
    ORDER BY m.due_at
    LIMIT (SELECT greatest(1, ceil(%(batch)s::numeric / count(*))::int) FROM ready)
    FOR UPDATE SKIP LOCKED
  ) share
  LIMIT %(batch)s
)
UPDATE messaging_message AS m
SET status = 'sending', attempt = m.attempt + 1, due_at = %(lease)s, updated = %(now)s
FROM taken WHERE m.id = taken.id
RETURNING m.id
"""

# Equality on stored normalised columns of one unique index. A topic's entry stops the bulk mail about it, one without stops all.
_SUPPRESSED = """
SELECT r.id FROM messaging_recipient r
JOIN messaging_message m ON m.id = r.message_id
JOIN messaging_suppression s ON s.company_id = r.company_id AND s.mode = r.mode AND s.channel = m.channel
                            AND s.address_normalized = r.address_normalized
                            AND s.topic IN ('', m.topic)
WHERE r.message_id = ANY(%(ids)s) AND r.status = 'queued'
"""

# What changes about a message that is being sent, and about its recipients.
_MESSAGE_CHANGES = ("status", "due_at", "deferrals")
_RECIPIENT_CHANGES = ("status", "error_code", "error_message", "provider", "provider_id", "updated")


@dataclass(frozen=True, slots=True)
class Job:
    """A claimed message with all of its recipients, and what its company may send as at this moment.

    `begin_by` (monotonic) is when no new call may be begun.
    """

    message: Message
    recipients: list[Recipient]
    suppressed: frozenset[uuid.UUID]
    begin_by: float
    senders: Senders = NOBODY

    @property
    def tenant(self) -> Tenant:
        """Whose message it is."""
        return self.message.tenant

    @property
    def waiting(self) -> list[Recipient]:
        """The recipients that still have to get the message."""
        return [row for row in self.recipients if row.status == Status.QUEUED]


def hold(jobs: Sequence[Job]) -> list[Job]:
    """Lock the messages of `jobs`, all of the current tenant; return the jobs that no other worker has taken meanwhile.

    What a provider's callback may have changed since the claim is read again, and nothing else. Locks are taken in the
    order of the keys, so that no two callers wait crosswise.
    """
    claimed = {job.message.id: job for job in jobs}
    locked = Message.objects.select_for_update().filter(id__in=list(claimed)).order_by("id")
    held = []
    for message_id, attempt, *values in locked.values_list("id", "attempt", *_MESSAGE_CHANGES):
        job = claimed[message_id]
        if attempt == job.message.attempt:
            _assign(job.message, _MESSAGE_CHANGES, values)
            held.append(job)
    rows = {row.id: row for job in held for row in job.recipients}
    changed = Recipient.objects.filter(message_id__in=[job.message.id for job in held])
    for recipient_id, *values in changed.values_list("id", *_RECIPIENT_CHANGES):
        _assign(rows[recipient_id], _RECIPIENT_CHANGES, values)
    return held


def _assign(row: Message | Recipient, names: Sequence[str], values: Sequence[Any]) -> None:
    for name, value in zip(names, values, strict=True):
        setattr(row, name, value)


def claim_due(*, call_seconds: float, batch: int = BATCH) -> list[Job]:
    """Take up to `batch` messages that are due, whoever's they are, and commit the claim."""
    begin_by = time.monotonic() + LEASE.total_seconds() - call_seconds - MARGIN_SECONDS
    with system_context(reason="claim due messages"):
        now = clock.now()
        with connection.cursor() as cursor:
            cursor.execute(_CLAIM, {"now": now, "lease": now + LEASE, "batch": batch})
            message_ids = [row[0] for row in cursor.fetchall()]
            if not message_ids:
                return []
            cursor.execute(_SUPPRESSED, {"ids": message_ids})
            suppressed = frozenset(row[0] for row in cursor.fetchall())
        messages = list(Message.objects.filter(id__in=message_ids).order_by("send_at", "id"))
        recipients: dict[uuid.UUID, list[Recipient]] = defaultdict(list)
        for row in Recipient.objects.filter(message_id__in=message_ids).order_by("position"):
            recipients[row.message_id].append(row)
        known = senders_of({message.company_id for message in messages if message.mode == "live"})
    return [
        Job(message, recipients[message.id], suppressed, begin_by, known.get(message.company_id, NOBODY))
        for message in messages
    ]
