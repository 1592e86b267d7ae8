"""Which browsers may read an answer of the API: django-cors-headers asks, per request (DESIGN §5).

A preflight carries no key, so it is answered by its path alone and decides nothing. The request that follows is decided
by authentication, by its key: a refused origin gets 403 and none of the headers that would let the page read the answer.
"""

from typing import Any

from corsheaders.signals import check_request_enabled
from django.http import HttpRequest

from apikeys.restrictions import origin_allowed

API_PREFIX = "/v1/"


def allow_origin(sender: object, request: HttpRequest, **kwargs: Any) -> bool:
    """Whether the `Origin` of this request may read the answer."""
    if not request.path_info.startswith(API_PREFIX):
        return False
    if request.method == "OPTIONS" and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in request.META:
        return True
    grant = getattr(request, "grant", None)
    origin = request.META.get("HTTP_ORIGIN")
    return (
        grant is not None
        and origin is not None
        and grant.is_browser
        and origin_allowed(origin, grant.facts.origins)
    )


check_request_enabled.connect(allow_origin, dispatch_uid="apikeys.cors")
