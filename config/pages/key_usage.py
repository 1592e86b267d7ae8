"""How much one key is used. The key's page belongs to apikeys, the figures to audit, and neither may see the other."""

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe

from accounts.access import CompanyRequest, company_page
from apikeys.selectors import get_key
from audit import usage
from audit.dashboard import charts
from core import clock


@company_page()
@require_safe
def key_usage_page(request: CompanyRequest, client_id: str) -> HttpResponse:
    """Requests and response times of a key; for htmx only the charts of the last seven days, else a page of its own."""
    key = get_key(client_id)
    fragment = request.headers.get("HX-Request") == "true"
    period = (
        charts.PERIODS["7d"]
        if fragment
        else charts.PERIODS.get(request.GET.get("period", ""), charts.PERIODS["7d"])
    )
    since, until = period.bounds(clock.now())
    steps = usage.usage_over_time(since=since, until=until, step=period.step, key=key.id)
    context = {
        "key": key,
        "period": period,
        "periods": charts.PERIODS.values(),
        "total": usage.merged(steps),
        "charts": [charts.requests_chart(steps, period), charts.latency_chart(steps, period)],
    }
    response = render(request, "pages/key_usage_charts.html" if fragment else "pages/key_usage.html", context)
    patch_vary_headers(response, ["HX-Request"])
    return response
