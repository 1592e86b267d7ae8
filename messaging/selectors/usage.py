"""A company's use of its daily caps."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from django.db.models import F, IntegerField, OuterRef, Subquery, Sum
from django.db.models.functions import Coalesce

from billing.entitlements import current_limits
from messaging.channels import channels, label_of
from messaging.models import DailyShare, DailyUsage


@dataclass(frozen=True, slots=True)
class ChannelUsage:
    """Recipients of a channel on a UTC day, and the cap."""

    channel: str
    day: date
    used: int
    cap: int

    @property
    def remaining(self) -> int:
        """The remaining recipients; 0 if staff lowered the cap below the current use."""
        return max(0, self.cap - self.used)

    @property
    def label(self) -> str:
        """The channel's label."""
        return label_of(self.channel)

    @property
    def policy(self) -> str:
        """The name of the cap in `RateLimit` headers."""
        return f"{self.channel}-day"

    def seconds_left(self, now: datetime) -> int:
        """Return the seconds until the day ends, rounded up."""
        midnight = datetime.combine(self.day + timedelta(days=1), time.min, tzinfo=UTC)
        left = midnight - now
        return max(1, left.days * 86_400 + left.seconds + (1 if left.microseconds else 0))


def cap_of(channel: str) -> int:
    """Return the current company's daily cap on a channel, in recipients; 0 for a removed channel."""
    found = channels().get(channel)
    return found.daily_cap(current_limits()) if found else 0


def used_on(channel: str, day: date) -> int:
    """Return the recipients counted for a channel on a UTC day."""
    return _used(day).get(channel, 0)


def usage_of_day(day: date) -> list[ChannelUsage]:
    """Return the use of every channel on a UTC day, for the meters on the dashboard."""
    limits = current_limits()
    used = _used(day)
    return [
        ChannelUsage(channel=name, day=day, used=used.get(name, 0), cap=channel.daily_cap(limits))
        for name, channel in channels().items()
    ]


def _used(day: date) -> dict[str, int]:
    """Return the recipients counted on a UTC day by channel, without unused reservations. A single query, for a consistent snapshot."""
    unused = (
        DailyShare.objects.filter(channel=OuterRef("channel"), day=day)
        .order_by()
        .values("channel")
        .annotate(total=Sum("unused"))
        .values("total")
    )
    rows = DailyUsage.objects.filter(day=day).annotate(
        used=F("recipients") - Coalesce(Subquery(unused, output_field=IntegerField()), 0)
    )
    return dict(rows.values_list("channel", "used"))
