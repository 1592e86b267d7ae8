"""Charts of messages."""

from __future__ import annotations

from datetime import UTC, tzinfo

from core.ui.charts import Chart, Series, line_chart, stacked_chart
from core.ui.reader_zone import utc_text
from core.values.latency import milliseconds_text
from messaging.latency import percentile
from messaging.selectors.analytics import Analytics

# Recipients by status, in the color of its tone (core.ui.charts).
_OUTCOMES = (
    ("Delivered", "delivered", 2),
    ("Bounced", "bounced", 4),
    ("Complained", "complained", 5),
    ("Failed", "failed", 3),
    ("Suppressed", "suppressed", 6),
)


def volume_chart(found: Analytics, zone: tzinfo = UTC) -> Chart:
    """Return a chart of recipients accepted and sent."""
    return line_chart(
        "Recipients",
        labels(found, zone),
        [
            Series("Queued", [slot.counts["queued"] for slot in found.slots], tone=6),
            Series("Sent", [slot.counts["sent"] for slot in found.slots], tone=1),
        ],
        exact=_exact(found, zone),
    )


def outcome_chart(found: Analytics, zone: tzinfo = UTC) -> Chart:
    """Return a chart of recipients by outcome."""
    return stacked_chart(
        "Outcomes",
        labels(found, zone),
        [
            Series(name, [slot.counts[status] for slot in found.slots], tone=tone)
            for name, status, tone in _OUTCOMES
        ],
        exact=_exact(found, zone),
    )


def latency_chart(found: Analytics, zone: tzinfo = UTC) -> Chart:
    """Return a chart of the time until the provider accepted messages; periods without sends are gaps."""
    return line_chart(
        "Time until sent",
        labels(found, zone),
        [
            Series("p50", [percentile(slot.latency, 0.5) for slot in found.slots], tone=1),
            Series("p95", [percentile(slot.latency, 0.95) for slot in found.slots], tone=3),
        ],
        format_value=milliseconds_text,
        exact=_exact(found, zone),
    )


def labels(found: Analytics, zone: tzinfo = UTC) -> list[str]:
    """Return the label of each hour, in the reader's time zone, or of each UTC day."""
    if found.interval == "hour":
        return [f"{slot.start.astimezone(zone):%a %H:%M}" for slot in found.slots]
    return [f"{slot.start:%d %b}" for slot in found.slots]


def _exact(found: Analytics, zone: tzinfo) -> list[str]:
    return [utc_text(slot.start, zone) if found.interval == "hour" else "" for slot in found.slots]
