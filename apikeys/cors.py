"""Which origins may read an API response: django-cors-headers asks for each request (docs/architecture.md, Keys).

A preflight carries no key, so it is answered by its path alone and grants nothing. The actual request is authorized by its
key: only the allowed origins of a browser key may read the response. Any page may read a refusal made before a key is known,
or a refused origin, so that its author sees the reason: these responses are the same for every key and reveal nothing about
it. Any page may read public responses too.
"""

from typing import Any

from corsheaders.signals import check_request_enabled
from django.http import HttpRequest

from apikeys.restrictions import origin_allowed

API_PREFIX = "/v1/"
# Errors whose bodies and headers do not depend on a key. `key_revoked`, for example, would reveal something about one.
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
    """Whether the `Origin` of this request may read the response."""
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
