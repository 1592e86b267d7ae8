"""Which browsers may read an answer of the API: django-cors-headers asks, per request (docs/architecture.md, Keys).

A preflight carries no key, so it is answered by its path alone and decides nothing. The request that follows is decided
by authentication, by its key: only the origins of a browser key read what it is answered. What is refused before any key is
known, and the refusal of an origin, every page may read, so that its author sees why: these answers are the same for every key
and say nothing of it. What is public anyway every page may read too.
"""

from typing import Any

from corsheaders.signals import check_request_enabled
from django.http import HttpRequest

from apikeys.restrictions import origin_allowed

API_PREFIX = "/v1/"
# Their bodies and headers depend on no key; `key_revoked`, say, tells something about one.
READABLE_REFUSALS = frozenset(
    {
        "credential_in_query",
        "https_required",
        "invalid_credentials",
        "missing_credentials",
        "origin_not_allowed",
        "too_many_failures",
    }
)


def allow_origin(sender: object, request: HttpRequest, **kwargs: Any) -> bool:
    """Whether the `Origin` of this request may read the answer."""
    if not request.path_info.startswith(API_PREFIX):
        return False
    if request.method == "OPTIONS" and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in request.META:
        return True
    match = request.resolver_match
    if match is not None and getattr(match.func, "public_document", False):
        return True
    if getattr(request, "refused_by", None) in READABLE_REFUSALS:
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
