"""CORS for the API: django-cors-headers, applied only to requests that may come from a browser."""

from typing import cast

from corsheaders.middleware import CorsMiddleware
from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers


class ApiCorsMiddleware(CorsMiddleware):
    """Skips the CORS work for server-to-server requests: only browsers send an `Origin` header and preflight requests."""

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Return the response with CORS headers for browsers, and with `Vary` only for other callers."""
        if "HTTP_ORIGIN" in request.META or request.method == "OPTIONS":
            return super().__call__(request)  # type: ignore[return-value]
        response = cast(HttpResponse, self.get_response(request))
        if "Vary" in response.headers:
            patch_vary_headers(response, ("origin",))
        else:
            response.headers["Vary"] = "origin"
        return response
