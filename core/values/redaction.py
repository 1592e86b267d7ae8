"""What is a credential, wherever it stands in a text; one judgement for logs and for evidence.

A trail is sealed and kept as evidence, so what is taken out of it is gone for good. Hence nothing is taken out for the name it
stands under, or for a word in front of it: a customer called "Basic Consulting" stays, and so does metadata named `token`. Only
what is a credential by itself goes:

- our secrets: `pm_live_` or `pm_test_` and at least 24 characters of the alphabet. The form in which a secret may be shown has 8;
  with 24 of 32 known, a secret whose end was cut off could be tried out.
- signing secrets: `whsec_` and the Base64 of 18 bytes or more;
- values of an Authorization header: `Basic` with what decodes to `user:password` (RFC 7617), `Bearer` with a JSON Web Token or
  with what is too mixed for a word.

Percent-encoding is looked through, however often it was applied.
"""

import base64
import binascii
import re
from itertools import pairwise
from typing import Any
from urllib.parse import unquote

REDACTED = "[redacted]"

_SECRET = re.compile(r"pm_(?:live|test)_[0-9A-Za-z]{24,}|whsec_[0-9A-Za-z+/_-]{24,}=*")
_AUTHORIZATION = re.compile(r"\b(bearer|basic)(?:[\s:+]+)([\w.~+/=-]{4,})", re.IGNORECASE | re.ASCII)
_JSON_WEB_TOKEN = re.compile(r"eyJ[\w-]*\.[\w-]+\.[\w-]*", re.ASCII)
# Ours are judged by themselves: what is left of one is the form in which it may be shown.
_JUDGED = ("pm_live_", "pm_test_", "whsec_")
# A generated token changes between small and capital letters and digits at every other character, a name hardly ever.
_SHORTEST_TOKEN = 16
_MIXED = 0.3
# Encoded more often than this, a text is not meant to be read; nobody gets here by mistake.
_MAX_LAYERS = 16


def redact(value: Any) -> Any:
    """Return `value` with every credential in it replaced, down to the leaves and the names of containers."""
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
    """Return `text` as it is, or with every credential in it replaced and percent-encoding undone."""
    if "%" not in text:
        lowered = text.lower()
        if not ("pm_" in lowered or "whsec_" in lowered or "basic" in lowered or "bearer" in lowered):
            return text  # nearly every path and user agent: this is made for every single request
        return _replace(text)
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
    return _AUTHORIZATION.sub(_judge, _SECRET.sub(REDACTED, text))


def _judge(found: re.Match[str]) -> str:
    scheme, value = found[1].lower(), found[2]
    is_credential = _is_basic(value) if scheme == "basic" else _is_token(value)
    return REDACTED if is_credential else found[0]


def _is_basic(value: str) -> bool:
    """Tell whether `value` is the Base64 of a name and a password with a colon between them."""
    bare = value.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        decoded = base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        return False
    return ":" in decoded and decoded.isprintable()


def _is_token(value: str) -> bool:
    if value.startswith(_JUDGED):
        return False
    if _JSON_WEB_TOKEN.match(value):
        return True
    changes = sum(_kind(one) != _kind(other) for one, other in pairwise(value))
    return len(value) >= _SHORTEST_TOKEN and changes >= _MIXED * len(value)


def _kind(character: str) -> int:
    return 0 if character.islower() else 1 if character.isupper() else 2
