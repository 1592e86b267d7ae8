"""What Django's request carries here beside what Django knows, as types, and the one way an actor is made from it.

Nothing constructs these classes: `core.middleware` puts the attributes on Django's own request, the API's pipeline adds
its part (`ApiRequest`), and `accounts.access` that of a dashboard page (`CompanyRequest`).
"""

import uuid
from typing import Any, Literal, cast

from django.http import HttpRequest

from core.principal import Mode, Principal

MAX_USER_AGENT_LENGTH = 500


class Request(HttpRequest):
    """Every request, once `core.middleware.RequestContextMiddleware` has seen it."""

    request_id: str
    client_ip: str
    secure: bool
    # Set by core.api.rendering.read_json, which parses a body once.
    json_body: dict[str, Any]


class ApiRequest(Request):
    """A request to /v1, as a handler sees it."""

    principal: Principal
    trace: list[dict[str, Any]]
    rate_headers: dict[str, str]


def as_seen(request: HttpRequest) -> Request:
    """Return the same request, typed: for callers whose signature Django or a library fixes."""
    return cast(Request, request)


def actor_of(
    request: HttpRequest,
    *,
    kind: Literal["user", "staff", "system"],
    id: str,
    name: str,
    company_id: uuid.UUID | None = None,
    mode: Mode | None = None,
) -> Principal:
    """Return who acts by this request, from where. Keys have their own way: `apikeys.authentication`, without lookups."""
    seen = as_seen(request)
    return Principal(
        kind=kind,
        id=id,
        name=name,
        company_id=company_id,
        mode=mode,
        ip=seen.client_ip,
        user_agent=seen.META.get("HTTP_USER_AGENT", "")[:MAX_USER_AGENT_LENGTH],
        request_id=seen.request_id,
    )
