"""The wire format of a request: a list of plain values in the order of CONTENT. Its seal hashes the same list."""

import re
from functools import lru_cache
from typing import Any

from core.http.routes import route_template
from core.values import ids
from core.values.redaction import redact_text

CONTENT = (
    "id", "company", "mode", "key", "key_name", "method", "route", "path", "status", "duration_us",
    "request_bytes", "response_bytes", "ip", "user_agent", "refused_by", "trace", "client_request_id", "traceparent",
)  # fmt: skip
(
    ID, COMPANY, MODE, KEY, KEY_NAME, METHOD, ROUTE, PATH, STATUS, DURATION, BYTES_IN, BYTES_OUT, IP, AGENT, REFUSED, TRACE,
    CLIENT_REQUEST_ID, TRACEPARENT,
) = range(18)  # fmt: skip
# The fields of rows before the last two were added; `pad` upgrades such a row.
FORMER_CONTENT = CONTENT[:CLIENT_REQUEST_ID]

MAX_INTEGER = 2_147_483_647
UNKNOWN_ROUTE = "(unknown)"

_BASE32 = str.maketrans("0123456789abcdefghjkmnpqrstvwxyz", "0123456789abcdefghijklmnopqrstuv")


def request_hex(request_id: str) -> str:
    """Return the UUID of a `req_…` TypeID as 32 hexadecimal digits (a fast ids.decode, as it runs for every request)."""
    return f"{int(request_id[4:].translate(_BASE32), 32):032x}"


@lru_cache(maxsize=20_000)
def key_hex(key_id: str) -> str | None:
    """Return the UUID of a `key_…` TypeID as hexadecimal digits; None for an actor that is not a key."""
    try:
        return ids.decode("key", key_id).hex
    except ids.InvalidId:
        return None


def logged_route(pattern: str) -> str:
    """Return a Django route as logged; empty for a catch-all, because each path would become a separate route."""
    return UNKNOWN_ROUTE if "<path:" in pattern else route_template(pattern)[:200]


def plain_text(text: str, limit: int) -> str:
    """Return client-supplied text that PostgreSQL and UTF-8 can store, without credentials."""
    text = text.replace("\x00", "")
    if not text.isascii():
        text = text.encode("utf-8", "replace").decode()
    # Redacted before truncating, because half a credential would not be recognised but still be leaked.
    return redact_text(text)[:limit]


def pad(row: list[Any]) -> list[Any]:
    """Convert a row of FORMER_CONTENT to CONTENT."""
    return [*row, "", ""]


# Version, trace, parent and flags (W3C Trace Context §3.2); a later version may append more.
_TRACEPARENT = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?"
)


def plain_traceparent(text: str) -> str:
    """Return a `traceparent` header normalized to version 00; empty if it is invalid."""
    found = _TRACEPARENT.fullmatch(text.strip()[:200])
    return f"00-{found[1]}-{found[2]}-{found[3]}" if found else ""


# A body can have a thousand invalid fields; the first ones are enough.
MOST_DECISIONS = 50


def plain_trace(trace: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the decisions of the guard as texts and booleans only."""
    return [
        {
            "check": plain_text(str(step.get("check", "")), 64),
            "detail": plain_text(str(step.get("detail") or ""), 500),
            "fix": plain_text(str(step.get("fix") or ""), 500),
            "passed": bool(step.get("passed")),
            **{name: plain_text(str(step[name]), 200) for name in ("field", "code") if step.get(name)},
        }
        for step in trace[:MOST_DECISIONS]
    ]


def whole(text: str | None) -> int:
    """Return a Content-Length as a number that PostgreSQL can store; 0 if it is missing or invalid."""
    if not text or not text.isascii() or not text.isdigit():
        return 0
    return min(int(text[:11]), MAX_INTEGER)
