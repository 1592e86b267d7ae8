"""CORS for the API: django-cors-headers, asked only about requests that a browser can have sent."""

from typing import cast

from corsheaders.middleware import CorsMiddleware
from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers


class ApiCorsMiddleware(CorsMiddleware):
    """Spares what every server-to-server request would pay: only browsers send an `Origin`, and only they ask ahead."""

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Return the answer with the headers that let a page read it; for other callers only with `Vary`."""
        if "HTTP_ORIGIN" in request.META or request.method == "OPTIONS":
            return super().__call__(request)  # type: ignore[return-value]
        response = cast(HttpResponse, self.get_response(request))
        if "Vary" in response.headers:
            patch_vary_headers(response, ("origin",))
        else:
            response.headers["Vary"] = "origin"
        return response
