"""A span for each request. Installed as the first middleware if tracing is on (config/settings/base.py)."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from core import tracing
from core.tracing import export

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class TraceMiddleware:
    """Continues the caller's trace, or starts a new one. Spans are named by method and route, to keep the number of names low.

    The query string is left out, and so is the path if the route is known, because both may contain user data.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response
        export.start("pomelo-web")

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Handle the request within its span. A streamed body is sent after the span has ended."""
        method = request.method if request.method in _METHODS else "_OTHER"
        parent = request.headers.get(tracing.HEADER)
        with tracing.span(
            str(method), kind="server", parent=parent, attributes={"http.request.method": str(method)}
        ) as span:
            response = self._get_response(request)
            match = request.resolver_match
            if match is not None:
                route = f"/{match.route.lstrip('^/')}"
                span.update_name(f"{method} {route}")
                span.set_attribute("http.route", route)
            span.set_attribute("http.response.status_code", response.status_code)
            span.set_attribute("pomelo.request_id", response.headers.get("X-Request-Id", ""))
            if response.status_code >= 500:
                from opentelemetry.trace import StatusCode

                span.set_status(StatusCode.ERROR)
        return response
