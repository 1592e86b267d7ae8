"""Compresses responses under /v1 (RFC 9110 §8.4) with Brotli or gzip, as negotiated by `Accept-Encoding`.

Only JSON above MIN_BYTES, and never a response that shows a secret (`shown_once`), whose length must not leak it (BREACH).
The ETag identifies the object rather than the compressed bytes, so it becomes a weak one.
"""

import gzip
import re
from collections.abc import Callable, Iterator
from functools import lru_cache

import brotli
from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers
from django.utils.text import compress_string

MIN_BYTES = 1024
# The longest header that is cached, so that the cache is bounded in bytes as well as entries.
_MAX_REMEMBERED_LENGTH = 200
# Both faster and smaller than gzip.
_BROTLI_QUALITY = 4
# For documents compressed once per process: a fifth smaller, in 0.1 s. Quality 11 would delay a request by 2 s.
_ONCE_QUALITY = 9
# Maximum number of random bytes that vary the length of a gzipped response ("Heal the BREACH"), as in Django's own middleware.
# Public documents need none.
_RANDOM_BYTES = 100
_QUALITY = re.compile(r"q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)", re.ASCII)

Handler = Callable[[HttpRequest], HttpResponse]


class CompressionMiddleware:
    """Compresses responses that benefit from it, for clients that accept it."""

    def __init__(self, get_response: Handler) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Return the response, compressed where allowed and useful."""
        response = self._get_response(request)
        headers = response.headers
        if response.status_code == 304:
            patch_vary_headers(response, ("Accept-Encoding",))
            return response
        if (
            response.streaming
            or len(response.content) < MIN_BYTES
            or hasattr(response, "shown_once")
            or "Content-Encoding" in headers
            or "json" not in headers.get("Content-Type", "")
        ):
            return response
        patch_vary_headers(response, ("Accept-Encoding",))
        encoding = _encoding_for(request.META.get("HTTP_ACCEPT_ENCODING", ""))
        if encoding is None:
            return response
        # A public document is compressed once, not per request.
        is_public = headers.get("Cache-Control", "").startswith("public")
        response.content = (_compressed_once if is_public else _compressed)(encoding, response.content)
        headers["Content-Encoding"] = encoding
        headers["Content-Length"] = str(len(response.content))
        if headers.get("ETag", "").startswith('"'):
            headers["ETag"] = f"W/{headers['ETag']}"
        return response


def _compressed(encoding: str, content: bytes) -> bytes:
    if encoding == "br":
        found: bytes = brotli.compress(content, quality=_BROTLI_QUALITY)
        return found
    return compress_string(content, max_random_bytes=_RANDOM_BYTES)


@lru_cache(maxsize=4)
def _compressed_once(encoding: str, content: bytes) -> bytes:
    if encoding == "br":
        found: bytes = brotli.compress(content, quality=_ONCE_QUALITY)
        return found
    return gzip.compress(content, _ONCE_QUALITY, mtime=0)


def _encoding_for(header: str) -> str | None:
    if not header:
        return None
    return (_remembered if len(header) <= _MAX_REMEMBERED_LENGTH else _choose)(header)


def _choose(header: str) -> str | None:
    """Return the coding that the header prefers among `br` and `gzip` (RFC 9110 §12.5.3); None for no compression."""
    weights = dict(_weights(header))
    rest = weights.get("*", 0.0)
    brotli_, gzip_ = weights.get("br", rest), weights.get("gzip", rest)
    best = max(brotli_, gzip_)
    if best <= 0 or best < weights.get("identity", 0.0):
        return None
    return "br" if brotli_ == best else "gzip"


def _weights(header: str) -> Iterator[tuple[str, float]]:
    for part in header.lower().split(","):
        name, _, parameter = (piece.strip() for piece in part.partition(";"))
        quality = _QUALITY.fullmatch(parameter)
        if name and (quality or not parameter):
            yield name, float(quality[1]) if quality else 1.0


_remembered = lru_cache(maxsize=256)(_choose)
