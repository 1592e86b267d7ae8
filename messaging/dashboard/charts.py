"""Messages in pictures."""

from __future__ import annotations

from core.ui.charts import Chart, Series, line_chart, stacked_chart
from core.values.latency import milliseconds_text
from messaging.latency import percentile
from messaging.selectors.analytics import Analytics

# What became of recipients, in the colours of their tone (core.ui.charts).
_OUTCOMES = (
    ("Delivered", "delivered", 2),
    ("Bounced", "bounced", 4),
    ("Complained", "complained", 5),
    ("Failed", "failed", 3),
    ("Suppressed", "suppressed", 6),
)


def volume_chart(found: Analytics) -> Chart:
    """Return how many recipients were accepted and handed over."""
    return line_chart(
        "Recipients",
        labels(found),
        [
            Series("Queued", [slot.counts["queued"] for slot in found.slots], tone=6),
            Series("Sent", [slot.counts["sent"] for slot in found.slots], tone=1),
        ],
    )


def outcome_chart(found: Analytics) -> Chart:
    """Return what became of them."""
    return stacked_chart(
        "Outcomes",
        labels(found),
        [
            Series(name, [slot.counts[status] for slot in found.slots], tone=tone)
            for name, status, tone in _OUTCOMES
        ],
    )


def latency_chart(found: Analytics) -> Chart:
    """Return how long a message waited until the provider had taken it; a stretch without sends is a gap."""
    return line_chart(
        "Time until sent",
        labels(found),
        [
            Series("p50", [percentile(slot.latency, 0.5) for slot in found.slots], tone=1),
            Series("p95", [percentile(slot.latency, 0.95) for slot in found.slots], tone=3),
        ],
        format_value=milliseconds_text,
    )


def labels(found: Analytics) -> list[str]:
    """Return the name of each hour or day."""
    form = "%a %H:%M" if found.interval == "hour" else "%d %b"
    return [slot.start.strftime(form) for slot in found.slots]
