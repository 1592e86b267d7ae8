"""Pages that wait for an answer from elsewhere: they look again every two seconds, and load anew once it is there.

The part that is looked at has an id and, while it waits, htmx's `hx-trigger="every 2s"`.
"""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def render_waiting(
    request: HttpRequest, template: str, context: dict[str, Any], *, status: int = 200
) -> HttpResponse:
    """Render a page whose context says by `is_waiting` whether an answer is still missing.

    To a page that asked again on its own the answer that came is told by loading it anew: buttons, totals and forms have
    changed with it.
    """
    response = render(request, template, context, status=status)
    if "HX-Request" in request.headers and not context["is_waiting"]:
        response.headers["HX-Refresh"] = "true"
    return response
