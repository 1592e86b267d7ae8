"""Types for the attributes that Pomelo adds to Django's request, and the construction of an actor from a request.

These classes are never instantiated: `core.middleware` sets the attributes on Django's request, the API's entry adds its own
(`GuardedRequest`), and `accounts.access` those of dashboard pages (`CompanyRequest`).
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, Literal, cast

from django.http import HttpRequest

from core.principal import Mode, Principal

if TYPE_CHECKING:
    from core.api.versioning import ApiVersion

MAX_USER_AGENT_LENGTH = 500


class Request(HttpRequest):
    """Any request after `core.middleware.RequestContextMiddleware`."""

    request_id: str
    client_ip: str
    secure: bool


class GuardedRequest(Request):
    """A request to /v1, with the data for its response headers and its entry in the request log."""

    # The key's principal, once known; also set for a refused request, for which DRF's `request.user` is None.
    principal: Principal | None
    # The checks up to the one that failed, and its error code; empty and None if none failed.
    trace: list[dict[str, Any]]
    refused_by: str | None
    # When its bodies stop being kept for the request log, in seconds since the epoch; 0 if they are not.
    bodies_until: float
    rate_headers: dict[str, str]
    # The API version of the request, once its key is known.
    api_version: ApiVersion | None


def as_seen(request: HttpRequest) -> Request:
    """Return the same request, typed, for callers whose signature is fixed by Django or a library."""
    return cast(Request, request)


def actor_of(
    request: HttpRequest,
    *,
    kind: Literal["key", "user", "staff", "system"],
    id: str,
    name: str,
    company_id: uuid.UUID | None = None,
    mode: Mode | None = None,
    scopes: frozenset[str] = frozenset(),
) -> Principal:
    """Return the principal acting in this request, with its address."""
    seen = as_seen(request)
    return Principal(
        kind=kind,
        id=id,
        name=name,
        company_id=company_id,
        mode=mode,
        scopes=scopes,
        ip=seen.client_ip,
        user_agent=seen.META.get("HTTP_USER_AGENT", "")[:MAX_USER_AGENT_LENGTH],
        request_id=seen.request_id,
    )
