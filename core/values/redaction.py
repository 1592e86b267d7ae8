"""Detects and redacts credentials anywhere in a text, with the same rules for logs and for the audit trail.

The audit trail is sealed evidence, so anything redacted from it is lost for good. Therefore nothing is redacted here because of its
field name (core.values.secret_fields does that for logs and kept bodies) or a preceding word: a customer called "Basic
Consulting" stays, and so does metadata named `token`. Only text that is itself a credential is redacted:

- our secrets: `pm_live_` or `pm_test_` followed by at least 24 base62 characters. The displayable form of a secret has 8; a
  truncated secret with 24 of 32 characters known could be brute-forced.
- signing secrets: `whsec_` followed by the Base64 of at least 18 bytes;
- values of an Authorization header: `Basic` with Base64 that decodes to `user:password` (RFC 7617), `Bearer` with a JSON Web
  Token or with text too random to be a word.

Percent-encoding is decoded, even if applied repeatedly.
"""

import base64
import binascii
import re
from itertools import pairwise
from typing import Any
from urllib.parse import unquote

REDACTED = "[redacted]"

# What secrets begin with, and how they go on. Another kind is one more line, and one in core/static/pomelo/js/secrets.js.
_SECRETS = {
    "pm_live_": "[0-9A-Za-z]{24,}",
    "pm_test_": "[0-9A-Za-z]{24,}",
    "whsec_": "[0-9A-Za-z+/_-]{24,}=*",
}
_SECRET = re.compile("|".join(f"{beginning}{rest}" for beginning, rest in _SECRETS.items()))
# A text without any of these, in lowercase, holds nothing to redact.
_MARKS = (*_SECRETS, "basic", "bearer")
_AUTHORIZATION = re.compile(r"\b(bearer|basic)(?:[\s:+]+)([\w.~+/=-]{4,})", re.IGNORECASE | re.ASCII)
_JSON_WEB_TOKEN = re.compile(r"eyJ[\w-]*\.[\w-]+\.[\w-]*", re.ASCII)
# What pages show of a secret is as random as a token. People write three dots for its ellipsis, and end sentences with it.
_SHOWN = re.compile(r"pm_(live|test)_[0-9A-Za-z]{8}(\.{3}[0-9A-Za-z]{4})?[.~+/=-]*")
# Generated tokens switch between lowercase, uppercase and digits at every other character; names rarely do.
_SHORTEST_TOKEN = 16
_MIXED = 0.3
# Text encoded more often than this is deliberately obfuscated.
_MAX_LAYERS = 16


def redact(value: Any) -> Any:
    """Return `value` with all credentials redacted, including nested values and keys."""
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, bytes):
        return redact_text(value.decode("utf-8", "replace"))
    if isinstance(value, dict):
        return {redact(key) if isinstance(key, str) else key: redact(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [redact(item) for item in value]
    return value


def redact_text(text: str) -> str:
    """Return `text` unchanged, or with its credentials redacted and its percent-encoding decoded."""
    if "%" not in text:
        lowered = text.lower()
        for mark in _MARKS:
            if mark in lowered:
                return _replace(text)
        return text  # the common case: this runs on the path and user agent of every request
    plain = text
    for _ in range(_MAX_LAYERS):
        decoded = unquote(plain)
        if decoded == plain:
            break
        plain = decoded
    else:
        return REDACTED
    replaced = _replace(plain)
    return text if replaced == plain else replaced


def _replace(text: str) -> str:
    return _AUTHORIZATION.sub(_redact_credential, _SECRET.sub(REDACTED, text))


def _redact_credential(found: re.Match[str]) -> str:
    scheme, value = found[1].lower(), found[2]
    is_credential = _is_basic(value) if scheme == "basic" else _is_token(value)
    return REDACTED if is_credential else found[0]


def _is_basic(value: str) -> bool:
    """Whether `value` is the Base64 of `user:password`."""
    bare = value.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        decoded = base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        return False
    return ":" in decoded and decoded.isprintable()


def _is_token(value: str) -> bool:
    if _SHOWN.fullmatch(value):
        return False
    if _JSON_WEB_TOKEN.match(value):
        return True
    changes = sum(_kind(one) != _kind(other) for one, other in pairwise(value))
    return len(value) >= _SHORTEST_TOKEN and changes >= _MIXED * len(value)


def _kind(character: str) -> int:
    return 0 if character.islower() else 1 if character.isupper() else 2
