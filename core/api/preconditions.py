"""Conditional requests (RFC 9110 §13): an object's `ETag`, `If-None-Match` to read it only if it changed, and `If-Match` to
change it only if it did not.

The ETag is a hash of the response body, so it changes exactly when the response does.
"""

import hashlib
from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.db.models import Model
from django.http import HttpResponse

from core.api import versions
from core.api.access import ApiRequest
from core.api.errors import InvalidRequest, PreconditionFailed
from core.api.rendering import JSON, PDF, dump
from core.values import ids

if TYPE_CHECKING:
    from rest_framework.views import APIView

# Actions that return the object as `retrieve` does, and `pdf`, whose bytes are the same for the same state.
TAGGED_ACTIONS = frozenset({"retrieve", "create", "update", "partial_update", "pdf"})
_TAGGED_TYPES = (JSON, PDF)


def tag_of(content: bytes) -> str:
    """Return the entity tag of a response body."""
    return f'"{hashlib.sha256(content).hexdigest()[:32]}"'


def tag_answer(view: "APIView", request: ApiRequest, response: HttpResponse) -> HttpResponse:
    """Set the `ETag` of a response with a single object, or return 304 if the client already has it.

    A response that shows a secret once gets no ETag.
    """
    if (
        getattr(view, "action", None) not in TAGGED_ACTIONS
        or not hasattr(view, "retrieve")
        or response.status_code not in (200, 201, 202)
        or response.streaming
        or hasattr(response, "shown_once")
        or not response.headers.get("Content-Type", "").startswith(_TAGGED_TYPES)
    ):
        return response
    tag = tag_of(response.content)
    response.headers["ETag"] = tag
    wanted = request.META.get("HTTP_IF_NONE_MATCH")
    if wanted and request.method in ("GET", "HEAD") and names(wanted, tag):
        unchanged = HttpResponse(status=304)
        unchanged.headers["ETag"] = tag
        return unchanged
    return response


def matching(handler: Callable[..., Any], view: Any) -> Callable[..., Any]:
    """Wrap the `handler` of a write with `If-Match`: it runs only if the object in its path still has that tag.

    The row stays locked until the transaction ends, so it cannot change in between. Raises PreconditionFailed, and
    InvalidRequest where the path names no single object.
    """

    def checked(request: ApiRequest, *args: Any, **kwargs: Any) -> Any:
        wanted = request.META["HTTP_IF_MATCH"]
        if not hasattr(view, "retrieve") or not kwargs:
            raise InvalidRequest("If-Match applies to a single object, which this path does not name.")
        view.retrieve(request, *args, **kwargs)  # raises 404 before locking if the caller may not see it
        view.lock_object(kwargs)
        as_answered = versions.downgraded(view.retrieve(request, *args, **kwargs).data, request._request)  # noqa: SLF001
        tag = tag_of(dump(as_answered))
        if not names(wanted, tag):
            raise PreconditionFailed(headers={"ETag": tag})
        return handler(request, *args, **kwargs)

    return checked


def lock_row(path: Mapping[str, Any]) -> None:
    """Lock the row named in the path by its public identifier."""
    public_id = str(path.get("id", ""))
    prefix, _, _ = public_id.rpartition("_")
    model = _models().get(prefix)
    if model is not None:
        row = model._default_manager.select_for_update(of=("self",)).filter(pk=ids.decode(prefix, public_id))  # noqa: SLF001
        row.values_list("pk").first()


@cache
def _models() -> dict[str, type[Model]]:
    """Return the models by the prefix of their identifiers."""
    return {prefix: model for model in apps.get_models() if (prefix := getattr(model, "id_prefix", ""))}


def names(header: str, tag: str) -> bool:
    """Return whether a list of tags includes `tag` or is `*`. A weak tag (`W/"…"`), as in compressed responses, matches too."""
    return header.strip() == "*" or tag in (each.strip().removeprefix("W/") for each in header.split(","))
