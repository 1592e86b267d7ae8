"""Deletes expired messages, oldest first, in small batches that do not block other work.

A message that is still waiting is kept, however old it is. One that cannot be deleted is set aside, and the rest is deleted.
"""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection

from core import clock
from core.background import pruning, set_aside
from core.tenancy import system_context
from core.values import ids
from messaging.models import Message

STEP = 200
BATCH_NAME = "messaging.prune"
# The counts of a past day no longer change; transactions that were counting at midnight have ended.
SHARES_KEPT_FOR = timedelta(days=2)

_NEXT = """
SELECT id FROM messaging_message WHERE id > %(after)s AND id < %(before)s AND due_at IS NULL ORDER BY id LIMIT %(step)s
"""
_DELETE_EVENTS = """
DELETE FROM messaging_recipientevent e USING messaging_recipient r
WHERE (e.company_id, e.mode, e.recipient_id) = (r.company_id, r.mode, r.id)
  AND (r.company_id, r.mode, r.message_id) IN (SELECT company_id, mode, id FROM messaging_message WHERE id = ANY(%(ids)s))
"""
_DELETE_PRICES = """
DELETE FROM messaging_smsprice p USING messaging_recipient r
WHERE (p.company_id, p.mode, p.recipient_id) = (r.company_id, r.mode, r.id)
  AND (r.company_id, r.mode, r.message_id) IN (SELECT company_id, mode, id FROM messaging_message WHERE id = ANY(%(ids)s))
"""
_DELETE_PARTS = """
DELETE FROM {table} WHERE (company_id, mode, message_id) IN (SELECT company_id, mode, id FROM messaging_message WHERE id = ANY(%(ids)s))
"""
# The suppression is kept, since it belongs to the address, not the message.
_FORGET_ORIGIN = """
UPDATE messaging_suppression SET message_id = NULL
WHERE (company_id, mode, message_id) IN (SELECT company_id, mode, id FROM messaging_message WHERE id = ANY(%(ids)s))
"""
_DELETE_MESSAGES = "DELETE FROM messaging_message WHERE id = ANY(%(ids)s) AND due_at IS NULL"
_STATEMENTS = (
    _DELETE_EVENTS,
    _DELETE_PRICES,
    _DELETE_PARTS.format(table="messaging_recipient"),
    _DELETE_PARTS.format(table="messaging_messagetag"),
    _DELETE_PARTS.format(table="messaging_messageattachment"),
    _FORGET_ORIGIN,
    _DELETE_MESSAGES,
)

_DELETE_STATISTICS = """
DELETE FROM messaging_messagestat WHERE id IN (
  SELECT id FROM messaging_messagestat WHERE hour < %(before)s AND folded LIMIT %(step)s
)
"""
_DELETE_USAGE = """
DELETE FROM messaging_dailyusage WHERE id IN (SELECT id FROM messaging_dailyusage WHERE day < %(before)s LIMIT %(step)s)
"""
_DELETE_SPEND = """
DELETE FROM messaging_smsspend WHERE id IN (SELECT id FROM messaging_smsspend WHERE day < %(before)s LIMIT %(step)s)
"""
# Unused capacity in them is not part of the day's count.
_FOLD_SHARES = """
WITH over AS (
  DELETE FROM messaging_dailyshare WHERE day < %(before)s RETURNING company_id, mode, channel, day, unused
), sums AS (
  SELECT company_id, mode, channel, day, sum(unused)::int AS unused, count(*) AS shares FROM over
  GROUP BY company_id, mode, channel, day
), counted AS (
  UPDATE messaging_dailyusage u SET recipients = u.recipients - s.unused FROM sums s
  WHERE (u.company_id, u.mode, u.channel, u.day) = (s.company_id, s.mode, s.channel, s.day)
)
SELECT coalesce(sum(shares), 0) FROM sums
"""


def prune(*, max_steps: int = 500) -> int:
    """Delete messages older than MESSAGE_RETENTION_DAYS (0: none), and shares of past days; return the number of rows.

    At most `max_steps` batches of each kind; the next run continues.
    """
    now = clock.now()
    removed = _fold_shares(now)
    if not settings.MESSAGE_RETENTION_DAYS:
        return removed
    before = now - timedelta(days=settings.MESSAGE_RETENTION_DAYS)
    removed += _prune_messages(before, max_steps)
    for table, statement, first in (
        ("messaging_messagestat", _DELETE_STATISTICS, before),
        ("messaging_dailyusage", _DELETE_USAGE, before.date()),
        ("messaging_smsspend", _DELETE_SPEND, before.date()),
    ):
        removed += pruning.in_steps(
            table, statement, {"before": first}, reason="message retention", max_steps=max_steps
        )
    return removed


def _prune_messages(before: datetime, max_steps: int) -> int:
    removed, after = 0, uuid.UUID(int=0)
    for _ in range(max_steps):
        with system_context(reason="message retention"), connection.cursor() as cursor:
            cursor.execute(_NEXT, {"after": after, "before": ids.first_id(before), "step": STEP})
            found = [row_id for (row_id,) in cursor.fetchall()]
        if not found:
            break
        removed += _delete(found)
        after = found[-1]
    return removed


def _delete(found: Sequence[uuid.UUID]) -> int:
    """Delete messages with all dependent rows; those that cannot be deleted are found by bisection."""
    try:
        with system_context(reason="message retention"), connection.cursor() as cursor:
            for statement in _STATEMENTS:
                cursor.execute(statement, {"ids": list(found)})
            count: int = cursor.rowcount
    except Exception as error:
        if set_aside.concerns_all(error):
            raise
        if len(found) == 1:
            set_aside.record_failure(
                BATCH_NAME, ids.encode(Message.id_prefix, found[0]), error, row_id=found[0]
            )
            return 0
        middle = len(found) // 2
        return _delete(found[:middle]) + _delete(found[middle:])
    pruning.PRUNED.labels("messaging_message").inc(count)
    return count


def _fold_shares(now: datetime) -> int:
    with system_context(reason="message retention"), connection.cursor() as cursor:
        cursor.execute(_FOLD_SHARES, {"before": (now - SHARES_KEPT_FOR).date()})
        return int(cursor.fetchone()[0])
