"""Usage in pictures, from the hourly roll-ups."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from audit.latency import Usage
from core.charts import Chart, Series, line_chart, stacked_chart

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Period:
    """A length of time, cut into steps."""

    name: str
    label: str
    steps: int
    step: timedelta
    format: str

    def bounds(self, now: datetime) -> tuple[datetime, datetime]:
        """Return beginning and end: whole steps, the last of which `now` lies in."""
        begin_of_day = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        until = begin_of_day + self.step * ((now - begin_of_day) // self.step + 1)
        return until - self.step * self.steps, until


PERIODS = {
    "24h": Period("24h", "24 hours", 24, HOUR, "%H:%M"),
    "7d": Period("7d", "7 days", 28, 6 * HOUR, "%a %H:%M"),
    "30d": Period("30d", "30 days", 30, DAY, "%d %b"),
    "90d": Period("90d", "90 days", 90, DAY, "%d %b"),
}


def requests_chart(steps: Sequence[Usage], period: Period) -> Chart:
    """Return how many requests came to what: answered, refused or not found, failed on our side."""
    return stacked_chart(
        "Requests",
        _labels(steps, period),
        [
            Series(
                "Successful",
                [step.requests - step.client_errors - step.server_errors for step in steps],
                tone=2,
            ),
            Series("Refused or not found (4xx)", [step.client_errors for step in steps], tone=3),
            Series("Server errors (5xx)", [step.server_errors for step in steps], tone=1),
        ],
    )


def latency_chart(steps: Sequence[Usage], period: Period) -> Chart:
    """Return how long answers took, in milliseconds."""
    return line_chart(
        "Response time (ms)",
        _labels(steps, period),
        [
            Series("p50", [step.percentile(0.5) for step in steps], tone=2),
            Series("p95", [step.percentile(0.95) for step in steps], tone=3),
            Series("p99", [step.percentile(0.99) for step in steps], tone=5),
        ],
        format_value=lambda value: f"{value:.1f} ms",
    )


def _labels(steps: Sequence[Usage], period: Period) -> list[str]:
    return [f"{step.start:{period.format}}" for step in steps]
