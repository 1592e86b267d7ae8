"""The OpenAPI document: generated from the endpoints, committed as `docs/openapi.json`, served at /v1/openapi.json.

The committed document describes Pomelo alone; the served one includes what installed extensions (`EXTENSIONS`) add.
"""

import hashlib
import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson
from csp.decorators import csp_update
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.shortcuts import render
from django.views.decorators.http import require_safe
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator

from core.api.error_docs import load_every_error
from core.api.errors import MethodNotAllowed
from core.api.preconditions import names
from core.api.rendering import JSON

PATH = Path(settings.BASE_DIR) / "docs" / "openapi.json"
CACHE_SECONDS = 300


class IncompleteDescription(ValueError):
    """The generator had to guess because an endpoint is not fully described; its warning was printed to stderr."""


def generate() -> bytes:
    """Return the document as indented JSON. Raises IncompleteDescription when the generator warned."""
    GENERATOR_STATS.reset()
    load_every_error()
    document: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    if GENERATOR_STATS:
        GENERATOR_STATS.emit_summary()
        raise IncompleteDescription("The OpenAPI generator had to guess; see its warnings above.")
    plain = orjson.loads(orjson.dumps(document, option=orjson.OPT_NON_STR_KEYS, default=str))
    # Indented by one space: the document is deeply nested, and with two, a fifth of it would be indentation.
    return json.dumps(plain, ensure_ascii=False, indent=1).encode() + b"\n"


@lru_cache(maxsize=1)
def current() -> bytes:
    """Return the document of this installation: the committed one, unless extensions add to it."""
    return generate() if settings.EXTENSIONS else PATH.read_bytes()


@lru_cache(maxsize=1)
def _served(public_url: str) -> tuple[bytes, str]:
    """Return the document with this installation's addresses, and its ETag."""
    document: dict[str, Any] = orjson.loads(current())
    document["servers"] = [{"url": public_url}]
    document["info"]["contact"]["url"] = f"{public_url}/docs/"
    content = orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n"
    return content, f'"{hashlib.sha256(content).hexdigest()[:32]}"'


def openapi_json(request: HttpRequest) -> HttpResponse:
    """Serve the document, with PUBLIC_URL in it, to everybody; caches may keep it for five minutes."""
    if request.method not in ("GET", "HEAD"):
        raise MethodNotAllowed(f"{request.method} is not allowed here.", headers={"Allow": "GET, HEAD"})
    content, etag = _served(settings.PUBLIC_URL)
    if names(request.META.get("HTTP_IF_NONE_MATCH", ""), etag):
        response: HttpResponse = HttpResponseNotModified()
    else:
        response = HttpResponse(content, content_type=JSON)
        response.headers["Content-Length"] = str(len(content))
    response.headers["ETag"] = etag
    response.headers["Cache-Control"] = f"public, max-age={CACHE_SECONDS}"
    return response


openapi_json.public_document = True  # type: ignore[attr-defined]  # core.api.checks: the one answer under /v1 without a key


# Both viewers write inline styles, and Redoc searches in a worker made from a blob. Scripts still come from here only.
@csp_update({"style-src": ["'unsafe-inline'"], "img-src": ["blob:"], "font-src": ["data:"]})
@require_safe
def swagger_page(request: HttpRequest) -> HttpResponse:
    """Show the API in Swagger UI, served from this machine."""
    return render(request, "docs/swagger.html")


@csp_update(
    {"style-src": ["'unsafe-inline'"], "worker-src": ["blob:"], "img-src": ["blob:"], "font-src": ["data:"]}
)
@require_safe
def redoc_page(request: HttpRequest) -> HttpResponse:
    """Show the API in Redoc, served from this machine."""
    return render(request, "docs/redoc.html")
