"""Usage of one key. The key's page belongs to apikeys, the figures to audit, and neither may import the other."""

from urllib.parse import urlencode

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe

from accounts.access import CompanyRequest, company_page
from apikeys.selectors import get_key
from audit.dashboard import charts
from audit.dashboard.periods import PERIODS
from audit.dimensions import usage_of
from audit.usage import merged
from core import clock
from core.ui.reader_zone import zone_of


@company_page()
@require_safe
def key_usage_page(request: CompanyRequest, client_id: str) -> HttpResponse:
    """Render the charts of a key's last seven days for htmx; otherwise redirect to the key's usage page."""
    key = get_key(client_id)
    fragment = request.headers.get("HX-Request") == "true"
    if not fragment:
        asked = {"key": key.public_id, "period": request.GET.get("period", "7d")}
        return redirect(f"{reverse('audit:usage')}?{urlencode(asked)}")
    span = PERIODS["7d"].span(clock.now(), zone_of(request))
    steps = usage_of(since=span.since, until=span.until, step=span.step, dimension="key", value=key.id.hex)
    requests = f"{reverse('audit:requests')}?{urlencode({'key': key.public_id})}"
    context = {
        "key": key,
        "total": merged(steps),
        "charts": [
            charts.requests_chart(steps, span, requests=requests),
            charts.latency_chart(steps, span, requests=requests),
        ],
    }
    response = render(request, "pages/key_usage_charts.html", context)
    patch_vary_headers(response, ["HX-Request"])
    return response
