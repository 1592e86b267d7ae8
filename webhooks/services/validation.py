"""Validation of an endpoint's fields, shared by the API and the dashboard."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from core.errors import FieldError, FieldErrors
from core.outbound import UrlRefusedError, check_url, public_policy
from webhooks.catalogue import ALL, is_pattern
from webhooks.representations import HIDDEN

MAX_PATTERNS = 50
MAX_HEADERS = 10
HEADER_NAME = "[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}"
HEADER_VALUE = "[ -~]{0,1000}"
_NAME = re.compile(HEADER_NAME + r"\Z", re.ASCII)
_VALUE = re.compile(HEADER_VALUE + r"\Z", re.ASCII)
# Set by us or by the HTTP client. A custom value could forge, split or break the request.
RESERVED_HEADERS = frozenset(
    [
        "accept-encoding",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "cookie",
        "date",
        "expect",
        "host",
        "keep-alive",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "user-agent",
        "via",
        "forwarded",
    ]
)
RESERVED_PREFIXES = ("webhook-", "x-forwarded-", "proxy-", "sec-")


def clean_url(url: str) -> str:
    """Return the URL in its stored form. Raises FieldErrors with a message that may be shown."""
    try:
        return check_url(url, public_policy()).url
    except UrlRefusedError as error:
        raise FieldErrors([FieldError("url", error.code, error.message)]) from error


def clean_events(patterns: Iterable[str]) -> list[str]:
    """Return the patterns without duplicates. Raises FieldErrors if there are none, too many or unknown ones."""
    wanted = list(dict.fromkeys(patterns))
    if not wanted:
        raise FieldErrors([FieldError("events", "required", "Choose at least one event, or `*` for all.")])
    if len(wanted) > MAX_PATTERNS:
        raise FieldErrors([FieldError("events", "too_many", f"At most {MAX_PATTERNS} are accepted.")])
    unknown = [
        FieldError(f"events.{index}", "unknown_event", "There is no such event; see the event catalog.")
        for index, pattern in enumerate(wanted)
        if not is_pattern(pattern)
    ]
    if unknown:
        raise FieldErrors(unknown)
    return [ALL] if ALL in wanted else wanted


def origin_of(url: str) -> tuple[str, str, int]:
    """Return scheme, host and port of a URL from `clean_url`: the origin that the custom headers belong to."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or {"http": 80}.get(parts.scheme, 443)


def clean_headers(headers: Mapping[str, str], *, stored: Mapping[str, str]) -> dict[str, str]:
    """Return the custom headers. Raises FieldErrors naming each invalid one.

    A value of `HIDDEN`, which responses and forms show for every value, keeps the value of that name in `stored`.
    """
    headers = {name: stored.get(name, value) if value == HIDDEN else value for name, value in headers.items()}
    problems = []
    if len(headers) > MAX_HEADERS:
        problems.append(FieldError("headers", "too_many", f"At most {MAX_HEADERS} are accepted."))
    if len({name.lower() for name in headers}) != len(headers):
        problems.append(FieldError("headers", "repeated", "A name is used twice; case does not matter."))
    for name, value in headers.items():
        field = f"headers.{name[:100]}"
        if not _NAME.match(name):
            problems.append(FieldError(field, "invalid", "This is not a valid HTTP header name."))
        elif name.lower() in RESERVED_HEADERS or name.lower().startswith(RESERVED_PREFIXES):
            problems.append(FieldError(field, "reserved", "This header is set by Pomelo or by HTTP itself."))
        elif value == HIDDEN:
            problems.append(
                FieldError(
                    field, "invalid", "No value is stored for this name and this host: send the value."
                )
            )
        elif not _VALUE.match(value):
            problems.append(
                FieldError(field, "invalid", "A value has up to 1000 printable ASCII characters.")
            )
    if problems:
        raise FieldErrors(problems)
    return dict(headers)
