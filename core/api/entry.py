"""The way into /v1: what an API request passes between `core.middleware` and its view, and what every answer gets.

Pages need sessions, CSRF tokens, messages and more; the API needs none of them. A request to /v1 passes only
`settings.API_MIDDLEWARE`, then the resolver. Whatever view answers, ours or another package's, its answer is rendered, gets
the rate-limit headers and a line in the request log; whatever fails outside of a view is problem+json here too, so no answer
under /v1 is ever a page.
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
# Routes without parameters, resolved once each: there are as many as lines in the URL files.
_static_routes: dict[str, ResolverMatch] = {}
# Hosts that were admitted, None for none at all. ALLOWED_HOSTS may have a wildcard, so they are bounded, in number and in bytes.
_known_hosts: set[str | None] = set()
MAX_KNOWN_HOSTS = 100
MAX_REMEMBERED_LENGTH = 100
forget_when_changed(_known_hosts.clear, "ALLOWED_HOSTS", "DEBUG")


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

    def __call__(self, request: GuardedRequest) -> HttpResponse:
        """Return the answer; an exception outside of the view becomes problem+json."""
        request.principal, request.trace, request.refused_by, request.rate_headers = None, [], None, {}
        request.api_version = None
        try:
            response = self._handler(request)
        except Exception as raised:  # the boundary: every failure has a public form
            response = problem(request, to_domain_error(raised)).render()
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


def _dispatch(request: GuardedRequest) -> HttpResponse:
    """Answer by the view of the route, and take note of it in the request log."""
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
        # A stored answer says of itself in which version it was written.
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
    """Raise DisallowedHost for a Host that ALLOWED_HOSTS does not name. The few that it does are judged once each."""
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
        # A regular expression without groups has no parameters either, and fits any number of paths.
        if not match.kwargs and path == f"/{match.route}":
            _static_routes[path] = match
    request.resolver_match = match
    return match.func, match.kwargs


@cache
def _load(path: str) -> Callable[..., None]:
    found: Callable[..., None] = import_string(path)
    return found
