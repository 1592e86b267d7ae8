"""Lengths of time that usage is shown for: those one press away, and a range of days of one's own."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from urllib.parse import urlencode

from django import forms
from django.conf import settings

from accounts.access import CompanyRequest
from core import clock
from core.ui.lists import wants_oldest
from core.values.form_fields import DayField

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def oldest_day() -> date:
    """Return the first day (UTC) of which usage is kept."""
    return clock.now().date() - timedelta(days=settings.AUDIT_RETENTION_DAYS)


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time, cut into steps, and what an address says to come back to it."""

    name: str
    label: str
    since: datetime
    until: datetime
    step: timedelta
    query: str

    @property
    def length(self) -> timedelta:
        """How long it is."""
        return self.until - self.since

    def label_of(self, start: datetime) -> str:
        """Return how a step is called in tables and read-outs."""
        return f"{start:%a %d %b}" if self.step >= DAY else f"{start:%a %d %b, %H:%M}"

    def tick_of(self, start: datetime) -> str:
        """Return what stands below the axis where a step begins; empty where nothing does."""
        is_midnight = start.hour == 0
        if self.step >= DAY:
            return f"{start:%d %b}"
        if self.length > 2 * DAY:
            return f"{start:%a %d}" if is_midnight else ""
        return f"{start:%d %b}" if is_midnight else f"{start:%H:%M}"


@dataclass(frozen=True, slots=True)
class Period:
    """A length of time that ends now."""

    name: str
    label: str
    steps: int
    step: timedelta

    def bounds(self, now: datetime) -> tuple[datetime, datetime]:
        """Return beginning and end: whole steps, the last of which `now` lies in."""
        begin_of_day = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        until = begin_of_day + self.step * ((now - begin_of_day) // self.step + 1)
        return until - self.step * self.steps, until

    def span(self, now: datetime) -> Span:
        """Return the period that ends at `now`."""
        return Span(self.name, f"the last {self.label}", *self.bounds(now), self.step, f"period={self.name}")


PERIODS = {
    "24h": Period("24h", "24 hours", 24, HOUR),
    "7d": Period("7d", "7 days", 28, 6 * HOUR),
    "30d": Period("30d", "30 days", 30, DAY),
    "90d": Period("90d", "90 days", 90, DAY),
}


class RangeForm(forms.Form):
    """A range of days (UTC), both included. It is not looked at before it was asked for by name."""

    begin = DayField(label="From")
    end = DayField(label="To")

    def clean(self) -> dict[str, date]:
        """Refuse a range that ends before it begins, or for which nothing can be kept."""
        found: dict[str, date] = super().clean() or {}
        begin, end, today = found.get("begin"), found.get("end"), clock.now().date()
        oldest = oldest_day()
        if begin and begin < oldest:
            self.add_error(
                "begin", f"Usage is kept for {settings.AUDIT_RETENTION_DAYS} days: choose {oldest} or later."
            )
        if end and end > today:
            self.add_error("end", f"Choose today ({today}) or earlier.")
        if begin and end and end < begin:
            self.add_error("end", "Choose the “From” day or a later one.")
        return found

    def span(self) -> Span:
        """Return the range, which is valid, in steps that fit one picture."""
        begin, end = self.cleaned_data["begin"], self.cleaned_data["end"]
        days = (end - begin).days + 1
        step = HOUR if days <= 2 else 6 * HOUR if days <= 14 else DAY
        since = datetime(begin.year, begin.month, begin.day, tzinfo=UTC)
        label = f"{begin:%d %b %Y}" if days == 1 else f"{begin:%d %b} – {end:%d %b %Y}"
        query = urlencode({"period": "custom", "begin": begin, "end": end})
        return Span("custom", label, since, since + timedelta(days=days), step, query)


def oldest_since(request: CompanyRequest) -> datetime | None:
    """Return, for a list that is asked for with the oldest first, when its first rows can be expected; None for another one."""
    if not wants_oldest(request):
        return None
    kept = clock.now() - timedelta(days=settings.AUDIT_RETENTION_DAYS)
    return max(request.membership.company.created, kept)
