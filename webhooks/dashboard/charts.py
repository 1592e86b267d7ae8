"""Charts of an endpoint's last seven days."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, tzinfo

from core.ui.charts import Chart, Series, bar_chart, stacked_chart
from core.ui.reader_zone import utc_text
from core.values.latency import milliseconds_text
from webhooks.models import LATENCY
from webhooks.selectors.statistics import Slot


def outcome_chart(week: Sequence[Slot], zone: tzinfo = UTC) -> Chart:
    """Return the chart of successful and failed attempts."""
    return stacked_chart(
        "Attempts in the last 7 days",
        _labels(week, zone),
        [
            Series("Succeeded", [slot.succeeded for slot in week], tone=2),
            Series("Failed", [slot.failed for slot in week], tone=1),
        ],
        exact=_exact(week, zone),
    )


def latency_chart(week: Sequence[Slot], zone: tzinfo = UTC) -> Chart:
    """Return the chart of response times. It uses bars, because a slot without attempts has no response time."""
    return bar_chart(
        "Response time in the last 7 days (ms)",
        _labels(week, zone),
        [
            Series("p50", [LATENCY.percentile(slot.latency, 0.5) for slot in week], tone=2),
            Series("p95", [LATENCY.percentile(slot.latency, 0.95) for slot in week], tone=3),
        ],
        format_value=milliseconds_text,
        exact=_exact(week, zone),
    )


def _labels(week: Sequence[Slot], zone: tzinfo) -> list[str]:
    return [f"{slot.start.astimezone(zone):%a %H:%M}" for slot in week]


def _exact(week: Sequence[Slot], zone: tzinfo) -> list[str]:
    return [utc_text(slot.start, zone) for slot in week]
