"""Which addresses a person may be sent on to: pages of this site, never another's."""

from urllib.parse import urlsplit

from django.http import HttpRequest
from django.utils.http import url_has_allowed_host_and_scheme


def own_page(request: HttpRequest, address: str) -> str:
    """Return the path and query of `address` when it is a page of ours, otherwise an empty text.

    What is returned is judged again by itself: of `https://this.host//other.host/` it would be `//other.host/`, which a
    browser reads as an address of that other host (RFC 3986 §4.2).
    """
    if not url_has_allowed_host_and_scheme(address, {request.get_host()}, require_https=request.is_secure()):
        return ""
    parts = urlsplit(address)
    page = f"{parts.path}?{parts.query}" if parts.query else parts.path
    return page if page.startswith("/") and url_has_allowed_host_and_scheme(page, None) else ""
