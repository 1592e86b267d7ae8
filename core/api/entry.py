"""The way into /v1: what an API request passes between `core.middleware` and its view.

Pages need sessions, CSRF tokens, messages and more; the API needs none of them. A request to /v1 passes only
`settings.API_MIDDLEWARE`, then the resolver. Whatever fails outside of a view is problem+json here too, so no answer under
/v1 is ever a page.
"""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, ResolverMatch, get_resolver
from django.utils.module_loading import import_string

from core.api.exceptions import problem, to_domain_error
from core.api.views import UnknownRoute
from core.requests import Request

Handler = Callable[[HttpRequest], HttpResponse]

_unknown_route = UnknownRoute.as_view()
# Routes without parameters, resolved once each: there are as many as lines in the URL files.
_static_routes: dict[str, ResolverMatch] = {}


def is_api_path(path: str) -> bool:
    """Whether `path` belongs to the API, so that no page may ever answer it."""
    return path.startswith("/v1/") or path == "/v1"


class ApiEntry:
    """Answers every request to /v1."""

    def __init__(self) -> None:
        handler: Handler = _dispatch
        for path in reversed(settings.API_MIDDLEWARE):
            handler = import_string(path)(handler)
        self._handler = handler

    def __call__(self, request: Request) -> HttpResponse:
        """Return the answer; an exception outside of the view becomes problem+json."""
        try:
            response = self._handler(request)
        except Exception as raised:  # the boundary: every failure has a public form
            response = problem(request, to_domain_error(raised))
        headers = response.headers
        headers["X-Content-Type-Options"] = "nosniff"
        # Answers belong to one key; only public documents say otherwise.
        headers.setdefault("Cache-Control", "no-store")
        if request.secure and settings.SECURE_HSTS_SECONDS:
            headers["Strict-Transport-Security"] = hsts_header()
        return response


def hsts_header() -> str:
    """Return the HSTS policy, the same that Django's SecurityMiddleware gives pages (RFC 6797)."""
    value = f"max-age={settings.SECURE_HSTS_SECONDS}"
    if settings.SECURE_HSTS_INCLUDE_SUBDOMAINS:
        value += "; includeSubDomains"
    if settings.SECURE_HSTS_PRELOAD:
        value += "; preload"
    return value


def _dispatch(request: HttpRequest) -> HttpResponse:
    path = request.path_info
    match = _static_routes.get(path)
    if match is None:
        try:
            match = get_resolver().resolve(path)
        except Resolver404:
            return _unknown_route(request)
        if not match.kwargs and not match.args:
            _static_routes[path] = match
    request.resolver_match = match
    return match.func(request, *match.args, **match.kwargs)
