"""The retry schedule of deliveries. Pure functions.

They go on for days, as the Standard Webhooks specification suggests. Jitter only adds, so that no attempt
comes earlier than promised. A receiver's Retry-After is honoured within limits.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from core.background.retry import RetryClock

_MINUTE, _HOUR = 60, 3600
CLOCK = RetryClock.of_seconds(
    5,
    5 * _MINUTE,
    30 * _MINUTE,
    2 * _HOUR,
    5 * _HOUR,
    10 * _HOUR,
    14 * _HOUR,
    20 * _HOUR,
    24 * _HOUR,
    jitter=0.2,
)
# In words, for pages.
RETRIED_FOR = CLOCK.duration_in_words
MAX_RETRY_AFTER = timedelta(hours=10)
RETRY_AFTER_STATUSES = frozenset({429, 503})
DISABLE_AFTER = timedelta(days=5)
DISABLE_FAILURES_APART = timedelta(hours=12)
_SECONDS = re.compile(r"[0-9]+")
_LONG = 10


def next_attempt_at(
    attempts_made: int, failed_at: datetime, *, jitter: float, retry_after: timedelta | None = None
) -> datetime | None:
    """Return when to try again after `attempts_made` failed attempts, or None when they are used up.

    Raises ValueError before the first. `jitter` is a random number from [0, 1] that adds up to a fifth of the delay.
    `retry_after` can only postpone the attempt: including jitter, by at most ten hours after `failed_at`, unless the schedule
    itself waits longer.
    """
    wait = CLOCK.wait_after(attempts_made, chance=jitter)
    if wait is None:
        return None
    if retry_after is not None:
        asked = min(retry_after, MAX_RETRY_AFTER) * CLOCK.factor(jitter)
        wait = max(wait, min(asked, MAX_RETRY_AFTER))
    return failed_at + wait


def parse_retry_after(value: str | None, status: int, now: datetime) -> timedelta | None:
    """Parse a Retry-After header (seconds or an HTTP date, RFC 9110 §10.2.3), capped at ten hours; None without one.

    It is honoured on 429 and 503 only. A date may have any of the three formats of RFC 9110 §5.6.7, all of which are GMT even
    if they do not say so; a date in the past means no wait. Invalid values are ignored.
    """
    if value is None or status not in RETRY_AFTER_STATUSES:
        return None
    value = value.strip()
    if _SECONDS.fullmatch(value):
        # The number may have any length; beyond the cap it makes no difference.
        digits = value.lstrip("0")
        asked = timedelta(seconds=int(digits or 0)) if len(digits) < _LONG else MAX_RETRY_AFTER
        return min(asked, MAX_RETRY_AFTER)
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, TypeError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return min(max(moment - now, timedelta(0)), MAX_RETRY_AFTER)


def should_disable(
    *, failing_since: datetime | None, last_success_at: datetime | None, now: datetime
) -> bool:
    """Return whether an endpoint that has just failed should be disabled.

    That is the case when the first and the latest failure since its last success are at least five days apart. Failures
    within twelve hours are never enough, no matter how old the last success is.
    """
    if failing_since is None or now - failing_since < DISABLE_FAILURES_APART:
        return False
    quiet_since = failing_since if last_success_at is None else max(failing_since, last_success_at)
    return now - quiet_since >= DISABLE_AFTER
