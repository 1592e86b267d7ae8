"""Request context: the request id, the client's address and the scheme, decided once, before anything else runs.

It also parts the ways: a request to /v1 goes to the API's entry and passes none of the middleware that pages need.
"""

from collections.abc import Callable
from typing import cast
from urllib.parse import urlsplit

import structlog
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse, HttpResponsePermanentRedirect
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware
from django.template.loader import get_template

from core.api.entry import ApiEntry, is_api_path
from core.http.addresses import client_address, forwarded_scheme, peer_is_trusted_proxy
from core.http.requests import GuardedRequest, Request
from core.postgres.failures import is_outage
from core.valkey import fences
from core.values import ids

log = structlog.get_logger(__name__)

# What a page may ask of the browser: passkeys, for itself. Everything else that reaches beyond the page is off, for frames too.
PERMISSIONS_POLICY = ", ".join(
    [
        *(
            f"{power}=()"
            for power in (
                "accelerometer", "autoplay", "bluetooth", "browsing-topics", "camera", "display-capture",
                "encrypted-media", "fullscreen", "gamepad", "geolocation", "gyroscope", "hid", "idle-detection",
                "local-fonts", "magnetometer", "microphone", "midi", "payment", "picture-in-picture",
                "screen-wake-lock", "serial", "usb", "xr-spatial-tracking",
            )
        ),
        "publickey-credentials-create=(self)",
        "publickey-credentials-get=(self)",
    ]
)  # fmt: skip

# Some of allauth's pages show secrets of their own, and the team's the links of invitations that may be copied.
UNCOMPRESSED = ("/accounts/", "/team/")

# Probes are asked over plain HTTP from inside the machine or the cluster.
PLAIN_PATHS = frozenset({"/healthz", "/readyz", "/metrics"})


class RequestContextMiddleware:
    """Gives every request `request_id`, `client_ip` and `secure`; redirects pages to HTTPS (the API refuses instead)."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._pages = get_response
        self._api = ApiEntry()

    def __call__(self, request: Request) -> HttpResponse:
        """Answer the request with its id in `X-Request-Id`."""
        request.request_id = ids.encode("req", ids.new_id())
        request.client_ip = client_address(request.META)
        secure = self._is_secure(request)
        request.secure = secure
        # Django asks the WSGI server; behind a trusted proxy the proxy knows.
        request.META["wsgi.url_scheme"] = "https" if secure else "http"
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request.request_id)
        path = request.path_info
        if is_api_path(path):
            response: HttpResponse = self._api(cast(GuardedRequest, request))
        elif settings.REQUIRE_HTTPS and not secure and path not in PLAIN_PATHS:
            response = HttpResponsePermanentRedirect(
                f"https://{urlsplit(settings.PUBLIC_URL).netloc}{request.get_full_path()}"
            )
        else:
            response = self._pages(request)
            response.headers["Permissions-Policy"] = PERMISSIONS_POLICY
        response.headers["X-Request-Id"] = request.request_id
        return response

    @staticmethod
    def _is_secure(request: HttpRequest) -> bool:
        """Tell whether the client spoke TLS: to us, or to a trusted proxy that says so."""
        if request.META.get("wsgi.url_scheme") == "https":
            return True
        return peer_is_trusted_proxy(request.META) and forwarded_scheme(request.META) == "https"


class StaleCacheWarningMiddleware:
    """Warns the person who changed a key or a company when not every process could be told of it at once.

    Inside the messages' middleware, and outside of the page's transaction: a change is told after its commit.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request."""
        with fences.collecting_undelivered() as untold:
            response = self._get_response(request)
        if untold:
            messages.warning(
                request,
                "The change is saved, but the cache could not be told. Some processes may act on the old state for "
                f"up to {fences.LONGEST_DELAY_SECONDS} seconds.",
            )
        return response


class CompressPagesMiddleware(GZipMiddleware):
    """Compresses pages that are asked for by GET, and never one that shows a secret.

    What a page compressed together with a secret has reflected from its address would give the secret away by its length
    (BREACH). Secrets are shown by answers to POST, and by pages that stay as they are: allauth's (recovery codes, the
    authenticator's secret) and the team's (links that let somebody in); tokens against forged forms are masked anew in every answer. Files are compressed beforehand.
    """

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Compress the answer if it is such a page."""
        is_page = response.headers.get("Content-Type", "").startswith("text/html") and not response.streaming
        if not is_page or request.method != "GET" or request.path.startswith(UNCOMPRESSED):
            return response
        return super().process_response(request, response)


class DatabaseUnavailableMiddleware:
    """Answers 503 to a page that PostgreSQL, being away, could not give. /v1 says it by its own error."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request."""
        return self._get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Answer for the view that raised an outage; anything else is a mistake, and is answered as one."""
        if not is_outage(exception):
            return None
        log.warning("page.database_unavailable", path=request.path, error=str(exception))
        response = HttpResponse(get_template("503.html").render(), status=503)
        response.headers["Retry-After"] = "2"
        response.headers["Cache-Control"] = "no-store"
        return response


class NoNulMiddleware:
    """Answers 400 to an address with a NUL character, which no page means and PostgreSQL's text cannot hold.

    Forms refuse it by their fields, and /v1 names the parameter. This is for what reads the address by itself, as the
    filters and the identifiers of Django's admin do.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request, unless its path or its query has a NUL. Raises BadRequest."""
        query = request.META.get("QUERY_STRING", "")
        if "\x00" in request.path_info or "\x00" in query or "%00" in query:
            raise BadRequest("The address contains a NUL character.")
        return self._get_response(request)
