"""The API version of an endpoint's deliveries, and conversion of bodies to it."""

from __future__ import annotations

import orjson

from core import clock
from core.api import versions
from core.errors import FieldError, FieldErrors


def clean_version(date: str) -> str:
    """Return the date if it is a supported version. Otherwise raises FieldErrors listing the supported ones."""
    dates = [version.date for version in versions.served(clock.now())]
    if date not in dates:
        message = f"The API has no such version (any more). Send one of: {', '.join(dates)}."
        raise FieldErrors([FieldError("api_version", "unknown_version", message)])
    return date


def body_in(date: str, body: bytes) -> bytes:
    """Return an event's body in the version of this date, or in the oldest supported version if that one has ended."""
    version = versions.pinned(date)
    if version is versions.newest():
        return body
    return orjson.dumps(versions.shown_in(version, orjson.loads(body)))
