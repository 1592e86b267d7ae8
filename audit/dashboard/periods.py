"""The periods of usage pages: presets, and a custom range of days."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from urllib.parse import urlencode

from django import forms
from django.conf import settings

from accounts.access import CompanyRequest
from core import clock
from core.ui.lists import wants_oldest
from core.ui.reader_zone import utc_text
from core.values.form_fields import DayField

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def oldest_day() -> date:
    """Return the first day (UTC) for which usage is kept."""
    return clock.now().date() - timedelta(days=settings.AUDIT_RETENTION_DAYS)


@dataclass(frozen=True, slots=True)
class Span:
    """A time range divided into steps, with its URL parameters."""

    name: str
    label: str
    since: datetime
    until: datetime
    step: timedelta
    query: str
    # The reader's. A step of a day is a day in UTC, as it is counted; shorter ones are moments.
    zone: tzinfo = UTC

    @property
    def length(self) -> timedelta:
        """The duration."""
        return self.until - self.since

    def label_of(self, start: datetime) -> str:
        """Return the label of a step in tables and tooltips."""
        return f"{start:%a %d %b}" if self.step >= DAY else f"{start.astimezone(self.zone):%a %d %b, %H:%M}"

    def exact_of(self, start: datetime) -> str:
        """Return the start of a step in UTC, where its label is in another time zone; otherwise nothing."""
        return "" if self.step >= DAY else utc_text(start, self.zone)

    def tick_of(self, start: datetime) -> str:
        """Return the axis label at the start of a step; empty if it has none."""
        if self.step >= DAY:
            return f"{start:%d %b}"
        local = start.astimezone(self.zone)
        begins_day = timedelta(hours=local.hour, minutes=local.minute) < self.step
        if self.length > 2 * DAY:
            return f"{local:%a %d}" if begins_day else ""
        return f"{local:%d %b}" if begins_day else f"{local:%H:%M}"


@dataclass(frozen=True, slots=True)
class Period:
    """A period that ends now."""

    name: str
    label: str
    steps: int
    step: timedelta

    def bounds(self, now: datetime) -> tuple[datetime, datetime]:
        """Return start and end, aligned to steps; the last step contains `now`."""
        begin_of_day = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        until = begin_of_day + self.step * ((now - begin_of_day) // self.step + 1)
        return until - self.step * self.steps, until

    def span(self, now: datetime, zone: tzinfo = UTC) -> Span:
        """Return the span that ends at `now`, for a reader in `zone`."""
        label, query = f"the last {self.label}", f"period={self.name}"
        return Span(self.name, label, *self.bounds(now), self.step, query, zone)


PERIODS = {
    "24h": Period("24h", "24 hours", 24, HOUR),
    "7d": Period("7d", "7 days", 28, 6 * HOUR),
    "30d": Period("30d", "30 days", 30, DAY),
    "90d": Period("90d", "90 days", 90, DAY),
}


class RangeForm(forms.Form):
    """A range of days (UTC), inclusive. It only applies if the custom period is selected."""

    begin = DayField(label="From")
    end = DayField(label="To")

    def clean(self) -> dict[str, date]:
        """Refuse a range that ends before it starts, or that is older than the retention."""
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

    def span(self, zone: tzinfo = UTC) -> Span:
        """Return the range of a valid form, in steps that fit one chart, for a reader in `zone`."""
        begin, end = self.cleaned_data["begin"], self.cleaned_data["end"]
        days = (end - begin).days + 1
        step = HOUR if days <= 2 else 6 * HOUR if days <= 14 else DAY
        since = datetime(begin.year, begin.month, begin.day, tzinfo=UTC)
        label = f"{begin:%d %b %Y}" if days == 1 else f"{begin:%d %b} – {end:%d %b %Y}"
        query = urlencode({"period": "custom", "begin": begin, "end": end})
        return Span("custom", label, since, since + timedelta(days=days), step, query, zone)


def oldest_since(request: CompanyRequest) -> datetime | None:
    """Return the earliest time of a list's rows if it is requested oldest first, otherwise None."""
    if not wants_oldest(request):
        return None
    kept = clock.now() - timedelta(days=settings.AUDIT_RETENTION_DAYS)
    return max(request.membership.company.created, kept)
