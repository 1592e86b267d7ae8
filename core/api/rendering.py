"""JSON in and out: orjson, one format, no negotiation."""

import re
from functools import lru_cache
from typing import Any
from uuid import UUID

import orjson
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.request import RawPostDataException, UnreadablePostError
from rest_framework.parsers import JSONParser as _DrfJSONParser
from rest_framework.renderers import JSONRenderer as _DrfJSONRenderer

from core.api.errors import BodyTooLarge, IncompleteBody, InvalidRequest, NotAcceptable, UnsupportedMediaType
from core.api.json import parse_object
from core.requests import Request

JSON = "application/json"
PROBLEM_JSON = "application/problem+json"
_NO_QUALITY = re.compile(r"q=0(\.0{0,3})?")


class JSONRenderer(_DrfJSONRenderer):
    """Names our one response format to the OpenAPI generator."""


class JSONParser(_DrfJSONParser):
    """Names our one request format to the OpenAPI generator."""


def reply(data: Any, status: int = 200, *, content_type: str = JSON) -> HttpResponse:
    """Return `data` as a JSON response, rendered at once; None gives an empty body."""
    body = b"" if data is None else orjson.dumps(data, default=_encode)
    response = HttpResponse(body, status=status, content_type=content_type)
    response.headers["Content-Length"] = str(len(body))
    return response


def _encode(value: Any) -> Any:
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, (set, frozenset, tuple)):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} is not a JSON value")


def read_json(request: Request) -> dict[str, Any]:
    """Return the body of `request` as a JSON object, parsed once; an empty body is an empty object.

    Raises BodyTooLarge, UnsupportedMediaType or InvalidRequest.
    """
    parsed: dict[str, Any] | None = getattr(request, "json_body", None)
    if parsed is None:
        parsed = request.json_body = _parse(request)
    return parsed


def _parse(request: HttpRequest) -> dict[str, Any]:
    body = _read_body(request)
    if not body:
        return {}
    if (request.content_type or "").lower() != JSON:
        raise UnsupportedMediaType(f"The body is {request.content_type or 'of no stated type'}, not {JSON}.")
    encoding = request.META.get("HTTP_CONTENT_ENCODING", "identity")
    if encoding.strip().lower() not in ("", "identity"):
        raise UnsupportedMediaType(f"The body is encoded ({encoding[:50]}); send it as it is.")
    return parse_object(body)


def _read_body(request: HttpRequest) -> bytes:
    limit: int = settings.API_MAX_BODY_BYTES
    meta = request.META
    body: bytes
    try:
        length = int(meta.get("CONTENT_LENGTH") or 0)
        if length > limit:
            raise BodyTooLarge(f"The body is {length} bytes; {limit} are accepted.")
        if not length and "chunked" in meta.get("HTTP_TRANSFER_ENCODING", "").lower():
            # Django reads no body without a length; the server's stream ends where the last chunk does.
            body = meta["wsgi.input"].read(limit + 1)
            if len(body) > limit:
                raise BodyTooLarge(f"The body is longer than the {limit} bytes that are accepted.")
            if not body:
                raise IncompleteBody("A body was announced, and nothing arrived.")
            return body
        body = request.body
        if len(body) < length:
            raise IncompleteBody(f"The body was announced as {length} bytes; {len(body)} arrived.")
    except ValueError as error:
        raise InvalidRequest("Content-Length is not a number.") from error
    except (RawPostDataException, UnreadablePostError, OSError) as error:
        raise IncompleteBody("The body could not be read to its end.") from error
    return body


def check_accept(request: HttpRequest, produces: str = JSON) -> None:
    """Raise NotAcceptable when the Accept header rules `produces` out (RFC 9110 §12.5.1)."""
    header = request.META.get("HTTP_ACCEPT")
    if header and header != "*/*" and not _accepts(header, produces):
        raise NotAcceptable(f"This endpoint answers {produces}.")


@lru_cache(maxsize=256)
def _accepts(header: str, produces: str) -> bool:
    """Whether the most specific range of `header` that matches has a quality above 0. Problems count as JSON."""
    main = produces.partition("/")[0]
    ranks = {"*/*": 0, f"{main}/*": 1, produces: 2}
    if produces == JSON:
        ranks[PROBLEM_JSON] = 2
    best = (-1, False)
    for part in header.split(","):
        media_range, *parameters = (piece.strip().lower() for piece in part.split(";"))
        rank = ranks.get(media_range)
        if rank is not None:
            refused = any(_NO_QUALITY.fullmatch(parameter) for parameter in parameters)
            best = max(best, (rank, not refused))
    return best[1]
