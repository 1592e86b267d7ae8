"""Hourly statistics: each change appends a small row, and a task folds them into one row per key."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from core import clock
from core.postgres.rows import insert_rows
from core.tenancy import system_context
from messaging.latency import SCALE
from messaging.models import Message, MessageStat

FOLD_BATCH = 20_000
_MEASURED = frozenset({"sent", "delivered"})

# SKIP LOCKED lets concurrent tasks share the work; the key order prevents deadlocks.
_FOLD = """
WITH loose AS (
  DELETE FROM messaging_messagestat
  WHERE id IN (
    SELECT id FROM messaging_messagestat WHERE NOT folded ORDER BY id LIMIT %(batch)s FOR UPDATE SKIP LOCKED
  )
  RETURNING company_id, mode, tag, hour, channel, status, latency, recipients
), sums AS (
  SELECT company_id, mode, tag, hour, channel, status, latency,
         sum(recipients)::integer AS recipients, count(*) AS taken
  FROM loose GROUP BY company_id, mode, tag, hour, channel, status, latency
  ORDER BY company_id, mode, tag, hour, channel, status, latency
), written AS (
  INSERT INTO messaging_messagestat AS stat
    (id, company_id, mode, created, tag, hour, channel, status, latency, recipients, folded)
  SELECT gen_random_uuid(), company_id, mode, %(now)s, tag, hour, channel, status, latency, recipients, true FROM sums
  ON CONFLICT (company_id, mode, tag, hour, channel, status, latency) WHERE folded
  DO UPDATE SET recipients = stat.recipients + excluded.recipients
)
SELECT coalesce(sum(taken), 0) FROM sums
"""


@dataclass(frozen=True, slots=True)
class Change:
    """One recipient of `message` reached `status` at `moment`."""

    message: Message
    status: str
    moment: datetime


def count_changes(changes: Iterable[Change]) -> None:
    """Add the changes to the statistics of their hour: once in total, and once per tag of the message."""
    counts: Counter[tuple[datetime, str, str, str, int]] = Counter()
    for change in changes:
        hour = change.moment.replace(minute=0, second=0, microsecond=0)
        step = -1
        if change.status in _MEASURED:
            waited = change.moment - max(change.message.created, change.message.send_at)
            step = SCALE.bucket_of(waited.total_seconds() * 1000)
        for tag in ("", *change.message.tags):
            counts[hour, change.message.channel, tag, change.status, step] += 1
    insert_rows(
        MessageStat,
        [
            {
                "hour": hour,
                "channel": channel,
                "tag": tag,
                "status": status,
                "latency": step,
                "recipients": recipients,
                "folded": False,
            }
            for (hour, channel, tag, status, step), recipients in sorted(counts.items())
        ],
    )


def fold_statistics() -> int:
    """Fold the small rows of all companies into one per key; return how many were folded."""
    folded = 0
    while True:
        with system_context(reason="fold message statistics"), connection.cursor() as cursor:
            cursor.execute(_FOLD, {"batch": FOLD_BATCH, "now": clock.now()})
            taken = int(cursor.fetchone()[0])
        folded += taken
        if taken < FOLD_BATCH:
            return folded
