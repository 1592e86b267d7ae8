"""Compression of answers under /v1 (RFC 9110 §8.4), by Brotli or gzip as `Accept-Encoding` asks.

Only JSON above MIN_BYTES, and never an answer that shows a secret (`shown_once`): its length must say nothing of the secret (BREACH).
An answer's tag names the object and not these bytes, so it becomes a weak one.
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
# Headers up to here are remembered: a cache is bounded in bytes, not only in entries.
_MAX_REMEMBERED_LENGTH = 200
# Quicker than gzip and smaller.
_BROTLI_QUALITY = 4
# For what is compressed once in the life of a process: a fifth smaller in 0.1 s. Brotli's 11 would take 2 s of some request.
_ONCE_QUALITY = 9
# So many random bytes at most vary the length of a gzipped answer ("Heal the BREACH"), as Django's own middleware does it. What
# everybody may read needs none.
_RANDOM_BYTES = 100
_QUALITY = re.compile(r"q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)", re.ASCII)

Handler = Callable[[HttpRequest], HttpResponse]


class CompressionMiddleware:
    """Compresses what is worth it, for callers that take it."""

    def __init__(self, get_response: Handler) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Return the answer, compressed where it may and should be."""
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
        # A document that everybody may read is compressed once, not for each of them.
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
    """Return the coding of `br` and `gzip` that the header likes best (RFC 9110 §12.5.3); None: the answer as it is."""
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
