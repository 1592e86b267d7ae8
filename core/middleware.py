"""Request context: request ID, client address and scheme, determined once, before anything else runs.

Also routes requests: those to /v1 go to the API's entry point and skip the middleware of pages.
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

# The browser features a page may use: passkeys, on the same origin. All others are disabled, also in frames.
PERMISSIONS_POLICY = ", ".join(
    [
        *(
            f"{power}=()"
            for power in (
                "accelerometer", "autoplay", "browsing-topics", "camera", "display-capture",
                "encrypted-media", "fullscreen", "gamepad", "geolocation", "gyroscope", "hid", "idle-detection",
                "local-fonts", "magnetometer", "microphone", "midi", "payment", "picture-in-picture",
                "screen-wake-lock", "serial", "usb", "xr-spatial-tracking",
            )
        ),
        "publickey-credentials-create=(self)",
        "publickey-credentials-get=(self)",
    ]
)  # fmt: skip

# Some of allauth's pages show secrets, and the team page shows invitation links.
UNCOMPRESSED = ("/accounts/", "/team/")

# Probes use plain HTTP from within the machine or the cluster.
PLAIN_PATHS = frozenset({"/healthz", "/readyz", "/metrics"})


class RequestContextMiddleware:
    """Sets `request_id`, `client_ip` and `secure` on requests. Redirects pages to HTTPS; the API refuses plain HTTP instead."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._pages = get_response
        self._api = ApiEntry()

    def __call__(self, request: Request) -> HttpResponse:
        """Return the response with its ID in `X-Request-Id`."""
        request.request_id = ids.encode("req", ids.new_id())
        request.client_ip = client_address(request.META)
        secure = self._is_secure(request)
        request.secure = secure
        # Django asks the WSGI server, but behind a trusted proxy only the proxy knows.
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
        """Whether the client used TLS, to us or, according to a trusted proxy, to that proxy."""
        if request.META.get("wsgi.url_scheme") == "https":
            return True
        return peer_is_trusted_proxy(request.META) and forwarded_scheme(request.META) == "https"


class StaleCacheWarningMiddleware:
    """Warns a user whose change of a key or company could not be propagated to all processes immediately.

    Must be inside the messages middleware and outside the page's transaction, because changes are propagated after the commit.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Return the response."""
        with fences.collecting_undelivered() as undelivered:
            response = self._get_response(request)
        if undelivered:
            messages.warning(
                request,
                "The change is saved, but the cache could not be updated. Some processes may act on the old state for "
                f"up to {fences.LONGEST_DELAY_SECONDS} seconds.",
            )
        return response


class CompressPagesMiddleware(GZipMiddleware):
    """Compresses pages requested by GET, except those that show a secret.

    If a page reflected part of its URL and was compressed together with a secret, its length would leak the secret (BREACH).
    Secrets only appear in responses to POST and on pages that are never compressed: allauth's (recovery codes, authenticator
    secret) and the team page (invitation links). CSRF tokens are masked differently in every response. Static files are
    compressed ahead of time.
    """

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Compress the response if it is such a page."""
        is_page = response.headers.get("Content-Type", "").startswith("text/html") and not response.streaming
        if not is_page or request.method != "GET" or request.path.startswith(UNCOMPRESSED):
            return response
        return super().process_response(request, response)


class DatabaseUnavailableMiddleware:
    """Returns 503 for pages while PostgreSQL is unreachable. /v1 has its own error."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Return the response."""
        return self._get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Handle an exception caused by an outage. All others are bugs and are left to Django."""
        if not is_outage(exception):
            return None
        log.warning("page.database_unavailable", path=request.path, error=str(exception))
        response = HttpResponse(get_template("503.html").render(), status=503)
        response.headers["Retry-After"] = "2"
        response.headers["Cache-Control"] = "no-store"
        return response


class NoNulMiddleware:
    """Returns 400 for a URL with a NUL character, which PostgreSQL's text cannot store.

    Form fields refuse it themselves, and /v1 names the parameter. This covers code that reads the URL directly, such as the filters
    and object IDs of Django's admin.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Return the response, unless path or query contain a NUL. Raises BadRequest."""
        query = request.META.get("QUERY_STRING", "")
        if "\x00" in request.path_info or "\x00" in query or "%00" in query:
            raise BadRequest("The address contains a NUL character.")
        return self._get_response(request)
