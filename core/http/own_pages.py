"""Prevents open redirects: only pages of this site are allowed as targets."""

from urllib.parse import urlsplit

from django.http import HttpRequest
from django.utils.http import url_has_allowed_host_and_scheme


def own_page(request: HttpRequest, address: str) -> str:
    """Return the path and query of `address` if it is a page of this site, otherwise an empty string.

    The result is checked again on its own: for `https://this.host//other.host/` it would be `//other.host/`, which a browser
    resolves to the other host (RFC 3986 §4.2).
    """
    if not url_has_allowed_host_and_scheme(address, {request.get_host()}, require_https=request.is_secure()):
        return ""
    parts = urlsplit(address)
    page = f"{parts.path}?{parts.query}" if parts.query else parts.path
    return page if page.startswith("/") and url_has_allowed_host_and_scheme(page, None) else ""
