"""Reports from the operator's mail server: JSON, signed as in Standard Webhooks (HMAC-SHA256, a `whsec_` secret, a tolerance of five
minutes).

`MESSAGING_CALLBACK_SECRET` is shared with the program that processes the mail server's bounces. The body is `{"events": [{"id",
"message": "msg_…", "recipient", "type", "code"?, "detail"?, "permanent"?}]}`.
"""

import base64
import binascii
import hmac
import time
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from core.api.errors import InvalidRequest
from core.api.json import parse_object
from core.values import ids
from messaging.callbacks.base import Unreadable, Unverified, callback, read_each
from messaging.services.callbacks import Report, record_reports

TOLERANCE_SECONDS = 300
MAX_EVENTS = 1000
MIN_SECRET_BYTES = 24
PROVIDERS = frozenset({"smtp", "file"})
_KINDS = frozenset({"delivered", "bounced", "complained", "failed", "deferred"})


@callback
def signed(request: HttpRequest) -> None:
    """Receive up to 1000 reports."""
    verify(request.headers, request.body, now=time.time())
    try:
        events = list(parse_object(request.body)["events"])
    except (InvalidRequest, KeyError, TypeError) as error:
        raise Unreadable(f"{type(error).__name__}: {error}") from error
    if len(events) > MAX_EVENTS:
        raise Unreadable(f"more than {MAX_EVENTS} events")
    reports = read_each("callback", events, _report)
    record_reports(source="callback", providers=PROVIDERS, reports=reports)


def verify(headers: Any, body: bytes, *, now: float) -> None:
    """Raise Unverified unless a signature with our secret covers this ID, time and body, within five minutes."""
    try:
        secret = base64.b64decode(settings.MESSAGING_CALLBACK_SECRET.removeprefix("whsec_"), validate=True)
    except binascii.Error as error:
        raise Unverified("MESSAGING_CALLBACK_SECRET is not Base64") from error
    if len(secret) < MIN_SECRET_BYTES:
        raise Unverified("MESSAGING_CALLBACK_SECRET is not set or too short")
    identifier, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 16):
        raise Unverified("no timestamp")
    if abs(now - int(timestamp)) > TOLERANCE_SECONDS:
        raise Unverified("the timestamp is too old or too new")
    signature = hmac.digest(secret, f"{identifier}.{timestamp}.".encode() + body, "sha256")
    expected = b"v1," + base64.b64encode(signature)
    given = headers.get("webhook-signature", "").encode().split(b" ")
    if not any(hmac.compare_digest(expected, one) for one in given):
        raise Unverified("no signature matches")


def _report(event: Any) -> Report:
    """Parse an event. Raises ValueError, KeyError or TypeError."""
    if not isinstance(event, dict):
        raise TypeError("an event is an object")
    texts = {
        name: "" if event.get(name) is None else str(event[name])
        for name in ("id", "type", "recipient", "code", "detail")
    }
    kind = texts["type"]
    if kind not in _KINDS or not texts["id"] or any("\x00" in text for text in texts.values()):
        raise ValueError(f"not an event: {kind[:50]!r}")
    if kind == "bounced" and not _is_true(event.get("permanent", True)):
        kind = "deferred"
    return Report(
        kind=kind,
        code=texts["code"][:50] or ("" if kind == "delivered" else kind),
        detail=texts["detail"][:500],
        note_id=texts["id"][:200],
        suppress=kind == "bounced",
        message_id=ids.decode("msg", str(event["message"])),
        address=texts["recipient"][:320],
    )


def _is_true(value: Any) -> bool:
    """Parse a boolean as scripts write it: JSON's own, or as a string or number. Raises ValueError.

    Python treats the string "false" as true: an address that was full for a day would be suppressed permanently.
    """
    word = str(value).strip().lower()
    if word in ("true", "1", "yes"):
        return True
    if word in ("false", "0", "no"):
        return False
    raise ValueError(f"permanent is neither true nor false: {word[:50]!r}")
