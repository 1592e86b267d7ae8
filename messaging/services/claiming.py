"""Claims due messages with a lease, in fair shares per company (docs/architecture.md, Messages)."""

import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

from django.db import connection
from django.db.models import Model

from core import clock
from core.postgres.later import ending_with_next_query
from core.tenancy import Tenant, require_tenant, system_context
from messaging.channels import channels
from messaging.models import Message, Recipient, Status
from messaging.selectors.senders import NOBODY, Need, Senders, senders_of
from messaging.services.senders import operator_address

BATCH = 128
# Messages of a dead worker become due again after this long. No call is started that could outlast it (see sending.py).
LEASE = timedelta(seconds=120)
# Reserved between the end of the last call and the end of the lease, for recording its result.
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
RETURNING {columns}, (SELECT greatest(1, ceil(%(batch)s::numeric / count(*))::int) FROM ready) AS share
"""
# A statement after the claim's: it sees what was committed until the messages were locked. OFFSET 0 lets each message look up its own
# recipients, whatever PostgreSQL believes to know about the tables (ADR 16), and keeps it from looking for suppressions by topic, which
# most have in common. No index is used for IS NOT DISTINCT FROM: those that begin with company and mode would look as good as that of
# addresses. A topic's entry stops the bulk mail about it, one without stops all.
_RECIPIENTS = """\
SELECT {columns}, EXISTS (
  SELECT FROM (
    SELECT topic FROM messaging_suppression
    WHERE address_normalized = r.address_normalized AND company_id = r.company_id
      AND mode IS NOT DISTINCT FROM r.mode AND channel = m.channel
    OFFSET 0
  ) s
  WHERE s.topic IN ('', m.topic)
) AS is_suppressed
FROM unnest(%(ids)s::uuid[], %(companies)s::uuid[], %(channels)s::text[], %(topics)s::text[]) AS m(id, company_id, channel, topic)
CROSS JOIN LATERAL (
  SELECT * FROM messaging_recipient WHERE message_id = m.id AND company_id = m.company_id OFFSET 0
) r
ORDER BY r.position
"""

# What changes about a message that is being sent, and about its recipients.
_MESSAGE_CHANGES = ("status", "due_at", "deferrals")
_RECIPIENT_CHANGES = ("status", "error_code", "error_message", "provider", "provider_id", "updated")


@dataclass(frozen=True, slots=True)
class ClaimedMessage:
    """A claimed message with its recipients, and the senders its company may currently use.

    `begin_by` (monotonic) is the deadline for starting new calls.
    """

    message: Message
    recipients: list[Recipient]
    suppressed: frozenset[uuid.UUID]
    begin_by: float
    senders: Senders = NOBODY

    @property
    def tenant(self) -> Tenant:
        """The tenant of the message."""
        return self.message.tenant

    @property
    def waiting(self) -> list[Recipient]:
        """The recipients that have not been sent the message yet."""
        return [row for row in self.recipients if row.status == Status.QUEUED]


@dataclass(frozen=True, slots=True)
class Claim:
    """The claimed messages, and whether more may be due, because a company used up its share."""

    jobs: list[ClaimedMessage]
    may_have_more: bool


# A message's rows are looked up one by one, in the order of the ids given.
_HOLD = f"""
SELECT m.* FROM unnest(%(messages)s::uuid[]) AS wanted(id) CROSS JOIN LATERAL (
  SELECT id, attempt, {", ".join(_MESSAGE_CHANGES)} FROM messaging_message
  WHERE company_id = %(company)s AND mode = %(mode)s AND id = wanted.id FOR UPDATE
) m;
SELECT r.* FROM unnest(%(recipients)s::uuid[]) AS wanted(id) CROSS JOIN LATERAL (
  SELECT id, {", ".join(_RECIPIENT_CHANGES)} FROM messaging_recipient
  WHERE company_id = %(company)s AND mode = %(mode)s AND id = wanted.id OFFSET 0
) r
"""  # noqa: S608  names of our own


def hold(jobs: Sequence[ClaimedMessage]) -> list[ClaimedMessage]:
    """Lock the messages of `jobs`, all of the current tenant; return the jobs not claimed by another worker meanwhile.

    Only fields that a provider's callback may have changed since the claim are read again. Rows are locked in key order,
    so that callers cannot deadlock.
    """
    tenant = require_tenant()
    claimed = {job.message.id: job for job in jobs}
    rows = {row.id: row for job in jobs for row in job.recipients}
    held = []
    with connection.cursor() as cursor:
        # Two statements in one message: the second one sees what was committed while the first waited for locks.
        cursor.execute(
            _HOLD,
            {
                "company": tenant.company_id,
                "mode": tenant.mode,
                "messages": sorted(claimed),
                "recipients": list(rows),
            },
        )
        for message_id, attempt, *values in cursor.fetchall():
            job = claimed[message_id]
            if attempt == job.message.attempt:
                _assign(job.message, _MESSAGE_CHANGES, values)
                held.append(job)
        cursor.nextset()
        for recipient_id, *values in cursor.fetchall():
            _assign(rows[recipient_id], _RECIPIENT_CHANGES, values)
    return held


def _assign(row: Message | Recipient, names: Sequence[str], values: Sequence[Any]) -> None:
    for name, value in zip(names, values, strict=True):
        setattr(row, name, value)


def claim_due(*, call_seconds: float, batch: int = BATCH) -> Claim:
    """Claim up to `batch` due messages of all companies, and commit the claim."""
    begin_by = time.monotonic() + LEASE.total_seconds() - call_seconds - MARGIN_SECONDS
    with system_context(reason="claim due messages"):
        now = clock.now()
        claimed = Message.objects.raw(
            _CLAIM.replace("{columns}", _columns(Message, "m")),
            {"now": now, "lease": now + LEASE, "batch": batch},
        )
        messages = sorted(claimed, key=lambda message: (message.send_at, message.id))
        if not messages:
            return Claim([], may_have_more=False)
        live = [message for message in messages if message.mode == "live"]
        # The claim is written: its COMMIT is sent with the last query.
        with nullcontext() if live else ending_with_next_query(after_writes=True):
            recipients, suppressed = _recipients_of(messages)
        with ending_with_next_query(after_writes=True):
            known = senders_of({message.company_id for message in live}, _needs(live)) if live else {}
    given = Counter(message.company_id for message in messages)
    return Claim(
        [
            ClaimedMessage(
                message, recipients[message.id], suppressed, begin_by, known.get(message.company_id, NOBODY)
            )
            for message in messages
        ],
        # `share` is a column of the claim alone.
        may_have_more=max(given.values()) >= messages[0].share  # type: ignore[attr-defined]
        or len(messages) >= batch,
    )


def _needs(live: Sequence[Message]) -> set[Need]:
    """Return the data to load about the companies of these messages."""
    needs: set[Need] = set()
    for name in {message.channel for message in live} & channels().keys():
        kind = channels()[name].senders
        if kind == "approved":
            needs.add("sms")
        elif kind == "proved":
            needs.add("domains")
            own = operator_address()
            if any(own in message.sender.lower() for message in live if message.channel == name):
                needs.add("members")
    return needs


@cache
def _columns(model: type[Model], alias: str) -> str:
    return ", ".join(f"{alias}.{field.column}" for field in model._meta.concrete_fields)


def _recipients_of(
    messages: Sequence[Message],
) -> tuple[dict[uuid.UUID, list[Recipient]], frozenset[uuid.UUID]]:
    """Return the recipients of each message, and which queued ones are on a suppression list."""
    found: dict[uuid.UUID, list[Recipient]] = defaultdict(list)
    suppressed = set()
    sql = _RECIPIENTS.replace("{columns}", _columns(Recipient, "r"))
    wanted = {
        "ids": [message.id for message in messages],
        "companies": [message.company_id for message in messages],
        "channels": [message.channel for message in messages],
        "topics": [message.topic for message in messages],
    }
    for row in Recipient.objects.raw(sql, wanted):
        found[row.message_id].append(row)
        if row.is_suppressed and row.status == Status.QUEUED:  # type: ignore[attr-defined]  # a column of this query alone
            suppressed.add(row.id)
    return found, frozenset(suppressed)
