"""Pages that wait for an external result: they poll every two seconds, and reload once it has arrived.

The polled element has an id and, while waiting, htmx's `hx-trigger="every 2s"`.
"""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def render_waiting(
    request: HttpRequest, template: str, context: dict[str, Any], *, status: int = 200
) -> HttpResponse:
    """Render a page whose context says with `is_waiting` whether the result is still pending.

    Once it has arrived, a polling page is told to reload, because buttons, totals and forms have changed too.
    """
    response = render(request, template, context, status=status)
    if "HX-Request" in request.headers and not context["is_waiting"]:
        response.headers["HX-Refresh"] = "true"
    return response
