"""What Django's request carries here beside what Django knows, as types, and the one way an actor is made from it.

Nothing constructs these classes: `core.middleware` puts the attributes on Django's own request, the API's entry adds its
part (`GuardedRequest`), and `accounts.access` that of a dashboard page (`CompanyRequest`).
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
    """Every request, once `core.middleware.RequestContextMiddleware` has seen it."""

    request_id: str
    client_ip: str
    secure: bool


class GuardedRequest(Request):
    """A request to /v1: with what its headers and its line of the request log are written from, whatever becomes of it."""

    # Whose key it carries, as soon as that is known: of a refused one too, for which DRF's `request.user` is None.
    principal: Principal | None
    # The checks up to the one that said no, and the error code of the refusal; empty and None when nothing did.
    trace: list[dict[str, Any]]
    refused_by: str | None
    rate_headers: dict[str, str]
    # Which version of the API it speaks, once its key is known.
    api_version: ApiVersion | None


def as_seen(request: HttpRequest) -> Request:
    """Return the same request, typed: for callers whose signature Django or a library fixes."""
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
    """Return who acts by this request, from where."""
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
