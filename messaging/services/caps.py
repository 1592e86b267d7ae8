"""Daily caps: exact, because they are counted in the message's own transaction (docs/architecture.md, Limits)."""

from datetime import datetime

from django.db import connection
from django.db.models import F

from core import clock
from core.errors import DomainError
from core.tenancy import require_tenant
from core.values import ids
from messaging.models import DailyUsage
from messaging.selectors.usage import ChannelUsage, cap_of, used_on

_RESERVE = """
SELECT messaging_count_recipients(
  %(company)s, %(mode)s, %(channel)s, %(day)s, %(recipients)s, %(cap)s, %(id)s, %(share_id)s, %(now)s
)
"""


class DailyCapExceeded(DomainError):
    """The message has more recipients than the channel's daily cap has left on the UTC day of its `send_at`."""

    code = "daily_cap_exceeded"
    status = 429
    title = "The daily cap is used up"
    fix = (
        "Send after `Retry-After` (midnight UTC), choose a `send_at` on another day, or ask for a higher tier. "
        "`error.remaining` says how many recipients still fit."
    )
    page_fix = "Send it after midnight UTC, schedule it for another day, or ask for a higher tier."

    def __init__(self, usage: ChannelUsage, recipients: int, now: datetime) -> None:
        self.usage = usage
        super().__init__(
            f"{recipients} more recipients would exceed the cap of {usage.cap} on {usage.day} UTC; "
            f"{usage.remaining} are left.",
            facts={
                "policy": usage.policy,
                "day": usage.day.isoformat(),
                "limit": usage.cap,
                "remaining": usage.remaining,
                "recipients": recipients,
            },
            headers={"Retry-After": str(usage.seconds_left(now))},
            violated_policies=[usage.policy],
        )


def reserve(*, channel: str, moment: datetime, recipients: int, now: datetime) -> ChannelUsage:
    """Count `recipients` against the cap of the UTC day of `moment`. Raises DailyCapExceeded without counting any.

    The counter stays locked until the transaction ends: the day's row, or a share of it if the row is locked by another
    transaction (messaging/sql/count_recipients.sql). Call it last, and once for all messages of a transaction.
    """
    tenant = require_tenant()
    day = moment.date()
    cap = cap_of(channel)
    with connection.cursor() as cursor:
        cursor.execute(
            _RESERVE,
            {
                "id": ids.new_id(),
                "share_id": ids.new_id(),
                "company": tenant.company_id,
                "mode": tenant.mode,
                "now": clock.now(),
                "channel": channel,
                "day": day,
                "recipients": recipients,
                "cap": cap,
            },
        )
        [counted] = cursor.fetchone()
    if counted is None:
        raise DailyCapExceeded(ChannelUsage(channel, day, used_on(channel, day), cap), recipients, now)
    return ChannelUsage(channel, day, counted, cap)


def release(*, channel: str, moment: datetime, recipients: int) -> None:
    """Subtract `recipients` from the count of the UTC day of `moment`."""
    DailyUsage.objects.filter(channel=channel, day=moment.date()).update(
        recipients=F("recipients") - recipients
    )
