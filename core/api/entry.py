"""The entry point of /v1: what happens to an API request between `core.middleware` and its view, and to every response.

Pages need sessions, CSRF tokens, messages and more; the API needs none of them. A request to /v1 passes only through
`settings.API_MIDDLEWARE` and the resolver. The response of any view, ours or another package's, is rendered here and gets
rate-limit headers and an entry in the request log. Errors outside of a view become problem+json too, so no response under
/v1 is ever an HTML page.
"""

import time
from collections.abc import Callable
from functools import cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.template.response import SimpleTemplateResponse
from django.urls import Resolver404, ResolverMatch, get_resolver
from django.utils.module_loading import import_string

from core.api.access import Access
from core.api.errors import HttpsRequired
from core.api.exceptions import problem, to_domain_error
from core.api.versions import HEADER as VERSION_HEADER
from core.api.views import UnknownRoute
from core.http.requests import GuardedRequest
from core.setting_changes import forget_when_changed

Handler = Callable[[Any], HttpResponse]

_unknown_route = UnknownRoute.as_view()
# Routes without parameters, each resolved once. There are only as many as entries in the URL configuration.
_static_routes: dict[str, ResolverMatch] = {}
# Hosts found in ALLOWED_HOSTS; None for a missing header. There may be a wildcard, so it is bounded in number and bytes.
_known_hosts: set[str | None] = set()
MAX_KNOWN_HOSTS = 100
MAX_REMEMBERED_LENGTH = 100
forget_when_changed(_known_hosts.clear, "ALLOWED_HOSTS", "DEBUG")


def is_api_path(path: str) -> bool:
    """Return whether `path` belongs to the API, which never responds with an HTML page."""
    return path.startswith("/v1/") or path == "/v1"


class ApiEntry:
    """Answers every request to /v1."""

    def __init__(self) -> None:
        handler: Handler = _dispatch
        for path in reversed(settings.API_MIDDLEWARE):
            handler = import_string(path)(handler)
        self._handler = handler

    def __call__(self, request: GuardedRequest) -> HttpResponse:
        """Return the response; an exception outside of the view becomes problem+json."""
        request.principal, request.trace, request.refused_by, request.rate_headers = None, [], None, {}
        request.api_version, request.bodies_until = None, 0.0
        try:
            response = self._handler(request)
        except Exception as raised:  # the boundary: every failure has a public form
            response = problem(request, to_domain_error(raised)).render()
        headers = response.headers
        headers["X-Content-Type-Options"] = "nosniff"
        # Responses are private to a key; only public documents set their own header.
        headers.setdefault("Cache-Control", "no-store")
        if request.secure and settings.SECURE_HSTS_SECONDS:
            headers["Strict-Transport-Security"] = hsts_header()
        return response


def hsts_header() -> str:
    """Return the HSTS policy (RFC 6797), the same as Django's SecurityMiddleware sets on pages."""
    value = f"max-age={settings.SECURE_HSTS_SECONDS}"
    if settings.SECURE_HSTS_INCLUDE_SUBDOMAINS:
        value += "; includeSubDomains"
    if settings.SECURE_HSTS_PRELOAD:
        value += "; preload"
    return value


def _dispatch(request: GuardedRequest) -> HttpResponse:
    """Call the view of the route, and add an entry to the request log."""
    started = time.perf_counter()
    is_logged = True
    try:
        view, kwargs = _resolve(request)
        is_logged = not getattr(view, "public_document", False)
        _check_host(request)
        if settings.REQUIRE_HTTPS and not request.secure:
            if is_logged:
                _load(settings.API_EXPOSURE)(request)
            raise HttpsRequired
        response = view(request, **kwargs)
        if isinstance(response, SimpleTemplateResponse):
            response.render()
    except Exception as raised:  # the boundary: every failure has a public form
        error = to_domain_error(raised)
        request.refused_by = error.code
        response = problem(request, error).render()
    access = getattr(request, "auth", None)
    if isinstance(access, Access):
        access.conclude()
    headers = response.headers
    for name, value in request.rate_headers.items():
        # A replayed response already names the version it was written in.
        if name != VERSION_HEADER or name not in headers:
            headers[name] = value
    if not response.streaming and "Content-Length" not in headers and response.status_code != 304:
        headers["Content-Length"] = str(len(response.content))
    if is_logged:
        _load(settings.API_REQUEST_LOG)(
            {
                "request": request,
                "response": response,
                "refused_by": request.refused_by,
                "duration_ms": (time.perf_counter() - started) * 1000,
            }
        )
    return response


def _check_host(request: HttpRequest) -> None:
    """Raise DisallowedHost for a Host that is not in ALLOWED_HOSTS. Allowed hosts are checked once each."""
    host: str | None = request.META.get("HTTP_HOST")
    if host not in _known_hosts:
        request.get_host()
        if len(_known_hosts) < MAX_KNOWN_HOSTS and len(host or "") <= MAX_REMEMBERED_LENGTH:
            _known_hosts.add(host)


def _resolve(request: HttpRequest) -> tuple[Callable[..., HttpResponse], dict[str, Any]]:
    path = request.path_info
    match = _static_routes.get(path)
    if match is None:
        try:
            match = get_resolver().resolve(path)
        except Resolver404:
            return _unknown_route, {}
        # A regular expression without groups has no parameters either, but may match any number of paths.
        if not match.kwargs and path == f"/{match.route}":
            _static_routes[path] = match
    request.resolver_match = match
    return match.func, match.kwargs


@cache
def _load(path: str) -> Callable[..., None]:
    found: Callable[..., None] = import_string(path)
    return found
