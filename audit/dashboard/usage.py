"""The usage page: what became of requests over time, and by key, route, status or address."""

import csv
import io
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from accounts.access import CompanyRequest, company_page
from accounts.roles import Role
from audit import services
from audit.dashboard import charts
from audit.dashboard.periods import PERIODS, RangeForm, Span
from audit.dimensions import MOST_BY_ADDRESS, usage_by_address, usage_by_value, usage_of
from audit.export.rows import cell_of
from audit.latency import Usage
from audit.outcomes import OUTCOMES
from audit.usage import merged
from core import clock
from core.values import ids
from core.values.latency import milliseconds_text

BREAKDOWNS = {"key": "Key", "route": "Route", "status": "Status", "address": "Address"}


@dataclass(frozen=True, slots=True)
class Narrowing:
    """The one key, route or status that the page shows; everything without one."""

    dimension: Literal["all", "key", "route", "status"] = "all"
    value: str = ""
    asked: str = ""  # as the address says it

    @property
    def query(self) -> str:
        """The parameter that asks for it; empty for everything."""
        return urlencode({str(self.dimension): self.asked}) if self.asked else ""

    @property
    def requests_query(self) -> str:
        """The filter of the list of requests that fits."""
        if self.dimension == "route":
            method, _, route = self.asked.partition(" ")
            return urlencode({"method": method, "route": route})
        return self.query


@company_page()
@require_safe
def usage_page(request: CompanyRequest) -> HttpResponse:
    """Outcomes and answer times as charts beside the period before, and the busiest keys, routes, statuses or addresses."""
    form, span = _asked_span(request)
    narrowed = _narrowing(request)
    steps, before = _steps(span, narrowed)
    by = request.GET.get("by", "key")
    by = by if by in BREAKDOWNS else "key"
    rows, is_whole = ([], True) if narrowed.asked else _breakdown(by, span)
    requests = f"{reverse('audit:requests')}?{narrowed.requests_query}".rstrip("?")
    context = {
        "form": form,
        "span": span,
        "periods": PERIODS.values(),
        "narrowed": narrowed,
        "narrowed_to": _name_of(narrowed, span),
        "query": "&".join(filter(None, [span.query, narrowed.query])),
        "tiles": _tiles(merged(steps), merged(before)),
        "requests_chart": charts.requests_chart(steps, span, before=before, requests=requests),
        "latency_chart": charts.latency_chart(steps, span, requests=requests),
        "breakdowns": BREAKDOWNS.items(),
        "by": by,
        "by_label": BREAKDOWNS[by],
        "rows": [_row(by, row, span) for row in rows],
        "most_by_address": 0 if is_whole else MOST_BY_ADDRESS,
        "total": merged(steps),
    }
    return render(request, "audit/usage.html", context)


@company_page(role=Role.DEVELOPER)
@require_safe
def export_usage(request: CompanyRequest) -> HttpResponse:
    """The steps of the page's charts as CSV: outcomes, bytes and percentiles."""
    _, span = _asked_span(request)
    narrowed = _narrowing(request)
    steps, _ = _steps(span, narrowed)
    filters = {"period": span.label}
    if narrowed.asked:
        filters[narrowed.dimension] = narrowed.asked
    services.record_export(what="usage", kind="csv", filters=filters, actor=request.principal)
    text = io.StringIO()
    writer = csv.writer(text)
    names = [outcome.name for outcome in OUTCOMES]
    writer.writerow(["start", "requests", *names, "response_bytes", "p50_ms", "p95_ms", "p99_ms"])
    for step in steps:
        shares = (step.percentile(0.5), step.percentile(0.95), step.percentile(0.99))
        start = step.start.isoformat().replace("+00:00", "Z") if step.start else ""
        writer.writerow(
            [cell_of(cell) for cell in (start, step.requests, *step.outcomes, step.response_bytes, *shares)]
        )
    response = HttpResponse(text.getvalue(), content_type="text/csv; charset=utf-8")
    name = f"usage-{request.mode}-{span.since:%Y-%m-%d}-{span.until:%Y-%m-%d}.csv"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["Cache-Control"] = "no-store"
    return response


def _asked_span(request: HttpRequest) -> tuple[RangeForm, Span]:
    """Return the form of the own range, with its errors if it was asked for and makes no sense, and what is shown."""
    now = clock.now()
    if request.GET.get("period") == "custom":
        form = RangeForm(request.GET)
        if form.is_valid():
            return form, form.span()
        return form, PERIODS["24h"].span(now)
    span = PERIODS.get(request.GET.get("period", ""), PERIODS["24h"]).span(now)
    return RangeForm(initial={"begin": span.since.date(), "end": now.date()}), span


def _narrowing(request: HttpRequest) -> Narrowing:
    """Return what the address narrows the page to; what cannot be a key, a route or a status narrows nothing."""
    if key := request.GET.get("key", ""):
        try:
            return Narrowing("key", ids.decode("key", key).hex, key)
        except ids.InvalidId:
            return Narrowing()
    route = request.GET.get("route", "")
    if " " in route:
        return Narrowing("route", route, route)
    status = request.GET.get("status", "")
    if len(status) == 3 and status.isascii() and status.isdigit():
        return Narrowing("status", status, status)
    return Narrowing()


def _steps(span: Span, narrowed: Narrowing) -> tuple[list[Usage], list[Usage]]:
    """Return the steps of the period, and of the one before it, from one statement and so from one moment."""
    both = usage_of(
        since=span.since - span.length,
        until=span.until,
        step=span.step,
        dimension=narrowed.dimension,
        value=narrowed.value,
    )
    return both[len(both) // 2 :], both[: len(both) // 2]


def _breakdown(by: str, span: Span) -> tuple[list[Usage], bool]:
    if by == "address":
        return usage_by_address(since=span.since, until=span.until)
    dimension: Any = by
    return usage_by_value(dimension, since=span.since, until=span.until), True


def _row(by: str, usage: Usage, span: Span) -> dict[str, Any]:
    """Return a line of the table: its name, its own charts, its requests."""
    asked: dict[str, str] = {}
    page = ""
    if by == "key" and usage.value:
        asked = {"key": ids.encode("key", UUID(hex=usage.value))}
        page = f"?{span.query}&{urlencode(asked)}"
    elif by == "route":
        method, _, route = usage.value.partition(" ")
        asked = {"method": method, "route": route}
        page = f"?{span.query}&{urlencode({'route': usage.value})}"
    elif by == "status":
        asked = {"status": usage.value}
        page = f"?{span.query}&{urlencode(asked)}"
    elif by == "address" and usage.value:
        asked = {"ip": usage.value}
    requests = (
        charts.requests_address(reverse("audit:requests"), span.since, span.until, **asked) if asked else ""
    )
    return {
        "usage": usage,
        "name": usage.name,
        "page": page,
        "requests": requests,
        "is_code": by in ("route", "address"),
    }


def _name_of(narrowed: Narrowing, span: Span) -> str:
    """Return what a narrowed page is about, a key by its newest name."""
    if narrowed.dimension != "key":
        return narrowed.asked
    found = usage_by_value("key", since=span.since, until=span.until, limit=1000)
    return next((row.name for row in found if row.value == narrowed.value), narrowed.asked)


def _tiles(now: Usage, before: Usage) -> list[dict[str, str]]:
    """Return the numbers at the top: the period's, and how they differ from the one before."""
    tiles = [
        {"label": "Requests", "value": f"{now.requests:,}", "note": _change(now.requests, before.requests)},
        {"label": "Refused (4xx)", "value": f"{now.client_errors:,}", "note": _change(now.client_errors, before.client_errors)},
        {"label": "Failed (5xx)", "value": f"{now.server_errors:,}", "note": _change(now.server_errors, before.server_errors)},
    ]  # fmt: skip
    for label, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99)):
        value, past = now.percentile(share), before.percentile(share)
        tiles.append(
            {
                "label": f"{label} response time",
                "value": "–" if value is None else milliseconds_text(value),
                "note": "no requests before" if past is None else f"{milliseconds_text(past)} before",
            }
        )
    return tiles


def _change(now: int, before: int) -> str:
    if not before:
        return "0 before"
    share = (now - before) / before
    return (
        f"{share:+.0%} on {before:,} before".replace("-", "−")
        if abs(share) >= 0.005
        else f"{before:,} before"
    )
