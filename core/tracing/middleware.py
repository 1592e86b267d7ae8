"""A span for each request. Installed, as the first middleware, only where tracing is on (config/settings/base.py)."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from core import tracing
from core.tracing import export

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class TraceMiddleware:
    """Goes on with the caller's trace, or begins one; named by method and route, so that names stay few.

    The query is left out, and the path where the route is known: both hold what callers look for.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response
        export.start("pomelo-web")

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request within its span; a body that is streamed is sent after its end."""
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
