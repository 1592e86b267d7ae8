"""Error responses for requests that never reach Django: problem+json under /v1, a line of text elsewhere."""

from types import SimpleNamespace
from typing import Any, cast

from django.http import HttpRequest

from config.door.signals import TURNED_AWAY
from core.api.entry import is_api_path
from core.api.exceptions import problem
from core.errors import DomainError
from core.values import ids


def refuse(proto: Any, path: str, error: DomainError, *, close: bool = False) -> None:
    """Respond with `error`. `close` ends the connection, because remaining data belongs to an unread body."""
    TURNED_AWAY.labels(str(error.status)).inc()
    request_id = ids.encode("req", ids.new_id())
    headers = {"X-Request-Id": request_id, "X-Content-Type-Options": "nosniff"}
    if is_api_path(path):
        asked = cast(HttpRequest, SimpleNamespace(path=path, request_id=request_id))
        response = problem(asked, error).render()
        headers |= dict(response.headers)
        body = response.content
    else:
        body = f"{error.title}. {error.detail} {error.fix}\n".encode()
        headers |= {"Content-Type": "text/plain; charset=utf-8", "Cache-Control": "no-store", **error.headers}
    if close:
        headers["Connection"] = "close"
    proto.response_bytes(error.status, list(headers.items()), body)
