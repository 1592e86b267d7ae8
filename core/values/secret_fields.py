"""Secrets by the names of their fields, and card numbers, for bodies of requests that are kept for people to read.

Unlike the audit trail (core.values.redaction), nothing is lost for good when a harmless field is redacted here, so names count.
"""

import re

# Names of fields whose values are never kept. Case, `_`, `-`, spaces and a plural's `s` do not matter. docs/audit.md lists them.
EXACT_NAMES = (
    "auth", "authorization", "cookie", "credential", "cvc", "cvc2", "cvn", "cvv", "cvv2", "headers", "jwt", "otp", "pan",
    "pin", "proxy_authorization", "security_code", "session", "session_id", "set_cookie", "totp",
)  # fmt: skip
# The same for names that end so: `client_secret`, `X-Auth-Token`.
ENDINGS = (
    "access_key", "api_key", "card_number", "passphrase", "passwd", "password", "private_key", "secret", "secret_key", "token",
)  # fmt: skip

_OTHER = re.compile(r"[^a-z0-9]")
_LONGEST_NAME = 200
_SHORTEST_CARD_NUMBER = 14


def _plain(name: str) -> str:
    return _OTHER.sub("", name.lower())


_EXACT = frozenset(_plain(name) for name in EXACT_NAMES)
_ENDINGS = tuple(_plain(name) for name in ENDINGS)
# 14 to 19 digits as cards have them (ISO/IEC 7812), in groups or not; not a phone number, which begins with `+`.
_CARD_NUMBER = re.compile(r"(?<![\d+.])[2-6](?:[ -]?\d){13,18}(?![\d.])", re.ASCII)


def is_secret_name(name: str) -> bool:
    """Return whether the value of a field called `name` is a secret. A very long name counts as one."""
    if len(name) > _LONGEST_NAME:
        return True
    plain = _plain(name)
    singular = plain.removesuffix("s")
    return plain in _EXACT or singular in _EXACT or plain.endswith(_ENDINGS) or singular.endswith(_ENDINGS)


def hide_card_numbers(text: str, replacement: str) -> str:
    """Return `text` with every number that is a valid card number replaced."""
    if len(text) < _SHORTEST_CARD_NUMBER:
        return text
    return _CARD_NUMBER.sub(lambda found: replacement if _is_card(found[0]) else found[0], text)


def _is_card(text: str) -> bool:
    """Return whether the digits of `text` pass the check of card numbers (ISO/IEC 7812, Annex B)."""
    digits = [int(digit) for digit in text if digit.isdigit()]
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[-2::-2])
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0
