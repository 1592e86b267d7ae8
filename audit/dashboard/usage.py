"""The usage page: outcomes of requests over time, and by key, route, status or address."""

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from accounts.access import CompanyRequest, company_page
from accounts.roles import Role
from audit import services
from audit.dashboard import charts
from audit.dashboard.narrowing import UsageFilter, invalid_parameters
from audit.dashboard.periods import DAY, PERIODS, RangeForm, Span, oldest_day
from audit.dashboard.streaming import download
from audit.dimensions import MOST_BY_ADDRESS, newest_name, usage_by_address, usage_by_value, usage_of
from audit.export.rows import FORMATS, write_rows
from audit.latency import RequestUsage
from audit.outcomes import OUTCOMES
from audit.usage import merged
from core import clock
from core.clock import rfc3339
from core.errors import FieldError, FieldErrors
from core.ui.reader_zone import zone_name, zone_of
from core.values.latency import milliseconds_text

# A change is a percentage up to so many times as many as before, and a multiple from there on.
TIMES_FROM = 10
BREAKDOWNS = {"key": "Key", "route": "Route", "status": "Status", "address": "Address"}


@company_page()
@require_safe
def usage_page(request: CompanyRequest) -> HttpResponse:
    """Charts of outcomes and response times compared with the previous period, and the top keys, routes, statuses or addresses."""
    form, span, problems = _asked_span(request)
    problems += invalid_parameters(request.GET)
    narrowed = UsageFilter.asked_for(request.GET)
    steps, before = _steps(span, narrowed)
    total = merged(steps)
    by = request.GET.get("by", "key")
    if by not in BREAKDOWNS:
        problems.append(FieldError("by", "invalid_choice", f"Use one of {', '.join(BREAKDOWNS)}."))
        by = "key"
    rows, is_whole = ([], True) if narrowed.value else _breakdown(by, span)
    requests = f"{reverse('audit:requests')}?{urlencode(narrowed.requests)}".rstrip("?")
    context = {
        "form": form,
        "problems": [one for one in problems if one.field not in form.fields],
        "span": span,
        "periods": PERIODS.values(),
        "counted_in": "days of UTC" if span.step >= DAY else zone_name(span.zone),
        "narrowed": narrowed,
        "narrowed_to": _name_of(narrowed),
        "query": "&".join(filter(None, [span.query, narrowed.query])),
        "tiles": _tiles(total, merged(before) if before else None),
        "requests_chart": charts.requests_chart(steps, span, before=before, requests=requests),
        "latency_chart": charts.latency_chart(steps, span, requests=requests),
        "breakdowns": BREAKDOWNS.items(),
        "by": by,
        "by_label": BREAKDOWNS[by],
        "rows": [_row(by, row, span) for row in rows],
        "most_by_address": 0 if is_whole else MOST_BY_ADDRESS,
        "total": total,
    }
    return render(request, "audit/usage.html", context)


@company_page(role=Role.DEVELOPER)
@require_safe
def export_usage(request: CompanyRequest) -> HttpResponse:
    """The data of the page's charts as CSV: outcomes, bytes and percentiles per step."""
    _, span, problems = _asked_span(request)
    if problems := problems + invalid_parameters(request.GET):
        raise FieldErrors(problems)
    narrowed = UsageFilter.asked_for(request.GET)
    steps = usage_of(
        since=span.since, until=span.until, step=span.step, dimension=narrowed.dimension, value=narrowed.value
    )
    filters = {"period": span.label}
    if narrowed.value:
        filters[narrowed.dimension] = narrowed.asked
    services.record_export(what="usage", kind="csv", filters=filters, actor=request.principal)
    name = f"usage-{request.mode}-{span.since:%Y-%m-%d}-{span.until:%Y-%m-%d}.csv"
    return download(write_rows([_exported(step) for step in steps], kind="csv"), FORMATS["csv"], name)


def _exported(step: RequestUsage) -> dict[str, Any]:
    return {
        "start": rfc3339(step.start) if step.start else None,
        "requests": step.requests,
        **dict(zip((outcome.name for outcome in OUTCOMES), step.outcomes, strict=True)),
        "response_bytes": step.response_bytes,
        "p50_ms": step.median_ms,
        "p95_ms": step.p95_ms,
        "p99_ms": step.p99_ms,
    }


def _asked_span(request: HttpRequest) -> tuple[RangeForm, Span, list[FieldError]]:
    """Return the form of the custom range, the span to show, and the errors of the request."""
    now, zone = clock.now(), zone_of(request)
    name = request.GET.get("period", "24h")
    if name == "custom":
        form = RangeForm(request.GET)
        if form.is_valid():
            return form, form.span(zone), []
        return form, PERIODS["24h"].span(now, zone), list(FieldErrors.of_form(form).fields)
    problems = []
    if name not in PERIODS:
        text = f"Use one of {', '.join(PERIODS)}, or custom."
        problems.append(FieldError("period", "invalid_choice", text))
    span = PERIODS.get(name, PERIODS["24h"]).span(now, zone)
    return RangeForm(initial={"begin": span.since.date(), "end": now.date()}), span, problems


def _steps(span: Span, narrowed: UsageFilter) -> tuple[list[RequestUsage], list[RequestUsage]]:
    """Return the steps of the period and of the previous one, from one statement and so from one snapshot.

    If the previous period began before the retention, it is omitted.
    """
    begin = span.since - span.length
    has_before = begin.date() >= oldest_day()
    found = usage_of(
        since=begin if has_before else span.since,
        until=span.until,
        step=span.step,
        dimension=narrowed.dimension,
        value=narrowed.value,
    )
    return (found[len(found) // 2 :], found[: len(found) // 2]) if has_before else (found, [])


def _breakdown(by: str, span: Span) -> tuple[list[RequestUsage], bool]:
    if by == "address":
        return usage_by_address(since=span.since, until=span.until)
    dimension: Any = by
    return usage_by_value(dimension, since=span.since, until=span.until), True


def _row(by: Any, usage: RequestUsage, span: Span) -> dict[str, Any]:
    """Return a row of the table: its name, and links to its charts and requests."""
    one = UsageFilter(by, usage.value)
    requests = reverse("audit:requests")
    return {
        "usage": usage,
        "name": usage.name,
        "page": f"?{span.query}&{one.query}" if one.query else "",
        "requests": charts.requests_address(requests, span.since, span.until, **one.requests)
        if one.value
        else "",
        "is_code": by in ("route", "address"),
    }


def _name_of(narrowed: UsageFilter) -> str:
    """Return the title of a filtered page; for a key, its newest name."""
    return (newest_name(narrowed.value) if narrowed.dimension == "key" else "") or narrowed.asked


def _tiles(now: RequestUsage, before: RequestUsage | None) -> list[dict[str, str]]:
    """Return the totals of the period, with the change from the previous one if that is kept."""
    tiles = [
        {
            "label": label,
            "value": f"{getattr(now, name):,}",
            "note": change_text(getattr(now, name), getattr(before, name)) if before else "",
        }
        for label, name in (
            ("Requests", "requests"),
            ("Refused (4xx)", "client_errors"),
            ("Failed (5xx)", "server_errors"),
        )
    ]
    for label, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99)):
        value = now.percentile(share)
        tiles.append(
            {
                "label": f"{label} response time",
                "value": "–" if value is None else milliseconds_text(value),
                "note": _past_time(before.percentile(share)) if before else "",
            }
        )
    return tiles


def _past_time(value: float | None) -> str:
    return "no requests before" if value is None else f"{milliseconds_text(value)} before"


def change_text(now: int, before: int) -> str:
    """Return how a number compares with that of the period before: "+50% on 2 before", "12 times the 2 before"."""
    if not before:
        return "0 before"
    if now >= before * TIMES_FROM:
        return f"{now / before:,.0f} times the {before:,} before"
    share = (now - before) / before
    return (
        f"{share:+.0%} on {before:,} before".replace("-", "−")
        if abs(share) >= 0.005
        else f"{before:,} before"
    )
