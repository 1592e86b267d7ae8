"""Which version of the API an endpoint's deliveries are of, and their bodies in it."""

from __future__ import annotations

import orjson

from core import clock
from core.api import versions
from core.errors import FieldError, FieldErrors


def clean_version(date: str) -> str:
    """Return the date of a version that is served. Raises FieldErrors for any other, naming those there are."""
    dates = [version.date for version in versions.served(clock.now())]
    if date not in dates:
        message = f"The API has no such version (any more). Send one of: {', '.join(dates)}."
        raise FieldErrors([FieldError("api_version", "unknown_version", message)])
    return date


def body_in(date: str, body: bytes) -> bytes:
    """Return the body of an event as the version of this date shows it, or the oldest that is served when that one has ended."""
    version = versions.pinned(date)
    if version is versions.newest():
        return body
    return orjson.dumps(versions.shown_in(version, orjson.loads(body)))
