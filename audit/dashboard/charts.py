"""Usage charts. Each outcome has the same colour everywhere."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from urllib.parse import urlencode

from audit.dashboard.periods import Span
from audit.latency import RequestUsage
from audit.outcomes import OUTCOMES
from core.ui.charts import Chart, Links, Series, line_chart, stacked_chart
from core.values.latency import milliseconds_text

TONES = {
    "ok": 2, "scope": 4, "ip": 5, "origin": 7, "limit": 3, "validation": 8, "other": 6, "server_error": 1,
}  # fmt: skip


def requests_chart(
    steps: Sequence[RequestUsage], span: Span, *, before: Sequence[RequestUsage] = (), requests: str = ""
) -> Chart:
    """Return the chart of requests by outcome, compared with the previous period.

    `requests` is the URL of the filtered list that the bars link to.
    """
    shown = [
        place for place in range(len(OUTCOMES)) if not place or any(step.outcomes[place] for step in steps)
    ]
    return stacked_chart(
        "Requests",
        _labels(steps, span),
        [
            Series(
                OUTCOMES[place].label,
                [step.outcomes[place] for step in steps],
                tone=TONES[OUTCOMES[place].name],
            )
            for place in shown
        ],
        ticks=_ticks(steps, span),
        exact=_exact(steps, span),
        before=Series("Period before", [step.requests for step in before]) if before else None,
        links=_links(steps, span, requests, [OUTCOMES[place].name for place in shown]) if requests else (),
    )


def latency_chart(steps: Sequence[RequestUsage], span: Span, *, requests: str = "") -> Chart:
    """Return the chart of response times in milliseconds."""
    return line_chart(
        "Response time (ms)",
        _labels(steps, span),
        [
            Series("p50", [step.percentile(0.5) for step in steps], tone=9),
            Series("p95", [step.percentile(0.95) for step in steps], tone=10),
            Series("p99", [step.percentile(0.99) for step in steps], tone=11),
        ],
        format_value=milliseconds_text,
        ticks=_ticks(steps, span),
        exact=_exact(steps, span),
        links=_links(steps, span, requests, []) if requests else (),
    )


def requests_address(base: str, since: datetime, until: datetime, **narrowed: str) -> str:
    """Return the URL of the list of requests from `since` to `until` (exclusive)."""
    # The list's times are in minutes, and it includes the last one.
    moments = {"since": f"{since:%Y-%m-%dT%H:%M}", "until": f"{until - timedelta(minutes=1):%Y-%m-%dT%H:%M}"}
    asked = urlencode({**moments, **{name: value for name, value in narrowed.items() if value}})
    return f"{base}{'&' if '?' in base else '?'}{asked}"


def _links(steps: Sequence[RequestUsage], span: Span, base: str, names: list[str]) -> list[Links]:
    found = []
    for step in steps:
        if step.start is None or not step.requests:
            found.append(Links())
            continue
        address = requests_address(base, step.start, step.start + span.step)
        found.append(Links(address, [f"{address}&outcome={name}" for name in names]))
    return found


def _labels(steps: Sequence[RequestUsage], span: Span) -> list[str]:
    return [span.label_of(step.start) if step.start else "" for step in steps]


def _ticks(steps: Sequence[RequestUsage], span: Span) -> list[str]:
    return [span.tick_of(step.start) if step.start else "" for step in steps]


def _exact(steps: Sequence[RequestUsage], span: Span) -> list[str]:
    return [span.exact_of(step.start) if step.start else "" for step in steps]
