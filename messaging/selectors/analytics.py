"""Message statistics of a period, from hourly rows only; messages are never scanned."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from django.db.models import QuerySet, Sum
from django.db.models.functions import Trunc

from messaging.latency import percentile
from messaging.models import MessageStat

Interval = Literal["hour", "day"]
STATUSES = ("queued", "sent", "delivered", "bounced", "complained", "failed", "suppressed", "canceled")
LENGTH: dict[Interval, timedelta] = {"hour": timedelta(hours=1), "day": timedelta(days=1)}
LONGEST: dict[Interval, timedelta] = {"hour": timedelta(days=31), "day": timedelta(days=400)}
MAX_TAGS = 50

Counts = Counter[str]


@dataclass(slots=True)
class Slot:
    """One hour or UTC day: its recipients by status, and the sending latencies."""

    start: datetime
    counts: Counts = field(default_factory=Counter)
    latency: Counter[int] = field(default_factory=Counter)


@dataclass(slots=True)
class Analytics:
    """The statistics of a period. All counts are of recipients; `latency` is by status (`sent`, `delivered`)."""

    start: datetime
    end: datetime
    interval: Interval
    slots: list[Slot]
    totals: Counts
    by_channel: dict[str, Counts]
    by_tag: dict[str, Counts]
    latency: dict[str, Counter[int]]

    @property
    def rates(self) -> dict[str, float | None]:
        """Rates: delivered and complained per sent, bounced per sent and bounced."""
        sent, bounced = self.totals["sent"], self.totals["bounced"]
        return {
            "delivery": _share(self.totals["delivered"], sent),
            "bounce": _share(bounced, sent + bounced),
            "complaint": _share(self.totals["complained"], sent),
        }


def read_analytics(
    *, start: datetime, end: datetime, interval: Interval, channel: str | None = None, tag: str | None = None
) -> Analytics:
    """Sum up the current tenant's statistics from `start` to before `end`, extended to whole intervals.

    The caller keeps the period within LONGEST.
    """
    start, end = floor(start, interval), ceiling(end, interval)
    hours = MessageStat.objects.filter(hour__gte=start, hour__lt=end)
    if channel:
        hours = hours.filter(channel=channel)
    rows = hours.filter(tag=tag or "")
    slots = {moment: Slot(moment) for moment in _moments(start, end, interval)}
    totals: Counts = Counter()
    by_channel: dict[str, Counts] = defaultdict(Counter)
    latency: dict[str, Counter[int]] = {"sent": Counter(), "delivered": Counter()}
    for row in _grouped(rows, interval):
        slot, status, count = slots[row["slot"]], row["status"], row["count"]
        slot.counts[status] += count
        totals[status] += count
        by_channel[row["channel"]][status] += count
        if row["latency"] >= 0:
            latency[status][row["latency"]] += count
            if status == "sent":
                slot.latency[row["latency"]] += count
    return Analytics(
        start=start,
        end=end,
        interval=interval,
        slots=list(slots.values()),
        totals=totals,
        by_channel=dict(by_channel),
        by_tag={tag: totals} if tag else _by_tag(hours),
        latency=latency,
    )


def describe_latency(counts: Counter[int]) -> dict[str, int | None]:
    """Return the median, p95 and p99 of counted latencies, in whole milliseconds."""
    found = {name: percentile(counts, share) for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))}
    return {name: None if value is None else max(1, round(value)) for name, value in found.items()}


def floor(moment: datetime, interval: Interval) -> datetime:
    """Return the start of the UTC hour or day of `moment`."""
    moment = moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return moment if interval == "hour" else moment.replace(hour=0)


def ceiling(moment: datetime, interval: Interval) -> datetime:
    """Return the end of the UTC hour or day of `moment`; a start is its own end."""
    begun = floor(moment, interval)
    return begun if begun == moment else begun + LENGTH[interval]


def _moments(start: datetime, end: datetime, interval: Interval) -> list[datetime]:
    count = (end - start) // LENGTH[interval]
    return [start + LENGTH[interval] * number for number in range(count)]


def _grouped(rows: QuerySet[MessageStat], interval: Interval) -> Iterable[Mapping[str, Any]]:
    return (
        rows.annotate(slot=Trunc("hour", interval, tzinfo=UTC))
        .values("slot", "channel", "status", "latency")
        .annotate(count=Sum("recipients"))
        .order_by("slot")
    )


def _by_tag(hours: QuerySet[MessageStat]) -> dict[str, Counts]:
    """Return the counts of the busiest tags."""
    rows = hours.exclude(tag="").values("tag", "status").annotate(count=Sum("recipients")).order_by()
    found: dict[str, Counts] = defaultdict(Counter)
    for row in rows:
        found[row["tag"]][row["status"]] += row["count"]
    busiest = sorted(found.items(), key=lambda item: (-item[1]["queued"], item[0]))
    return dict(busiest[:MAX_TAGS])


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None
