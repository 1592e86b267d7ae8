"""Message statistics, and the local mailbox."""

from __future__ import annotations

from datetime import timedelta

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.access import CompanyRequest, company_page
from accounts.roles import Role, at_least
from core import clock
from core.tenancy import require_tenant
from core.ui.reader_zone import zone_name, zone_of
from messaging.dashboard.charts import latency_chart, outcome_chart, volume_chart
from messaging.dashboard.forms import PERIODS, PeriodForm
from messaging.dashboard.usage import show_usage
from messaging.providers import uses_files
from messaging.providers.file import list_mailbox, read_mail
from messaging.selectors.analytics import Interval, describe_latency, read_analytics

DEFAULT_PERIOD = "7d"
_LENGTHS: dict[str, tuple[timedelta, Interval]] = {
    "24h": (timedelta(hours=24), "hour"),
    "7d": (timedelta(days=7), "day"),
    "30d": (timedelta(days=30), "day"),
    "90d": (timedelta(days=90), "day"),
}


@company_page()
@require_safe
def statistics(request: CompanyRequest) -> HttpResponse:
    """Show charts of a period, with rates and latencies."""
    # The charts use the same period that the form shows as selected.
    form = PeriodForm({"period": DEFAULT_PERIOD, **request.GET.dict()})
    chosen = form.cleaned_data if form.is_valid() else {}
    period = chosen.get("period") or DEFAULT_PERIOD
    length, interval = _LENGTHS[period]
    now, zone = clock.now(), zone_of(request)
    found = read_analytics(
        start=now - length,
        end=now,
        interval=interval,
        channel=chosen.get("channel") or None,
        tag=chosen.get("tag") or None,
    )
    context = {
        "form": form,
        "period": PERIODS[period],
        "found": found,
        "rates": {name: "–" if share is None else f"{share:.1%}" for name, share in found.rates.items()},
        "latency": describe_latency(found.latency["sent"]),
        "charts": [draw(found, zone) for draw in (volume_chart, outcome_chart, latency_chart)],
        "counted_in": zone_name(zone) if interval == "hour" else "days of UTC",
        **show_usage(),
    }
    return render(request, "messaging/statistics.html", context)


@company_page()
@require_safe
def mailbox(request: CompanyRequest) -> HttpResponse:
    """Show the messages "sent" to files on this machine."""
    context = {
        "mails": list_mailbox(require_tenant()),
        "has_mailbox": uses_files(),
        "may_change": at_least(request.membership.role, Role.DEVELOPER),
    }
    return render(request, "messaging/mailbox.html", context)


@company_page()
@require_safe
def mail(request: CompanyRequest, name: str) -> HttpResponse:
    """Show one message of the mailbox."""
    return render(request, "messaging/mail.html", {"mail": read_mail(require_tenant(), name)})
