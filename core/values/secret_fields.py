"""Secrets by the names of their fields, for logs and for bodies of requests that are kept; and card numbers, for the bodies.

Unlike in the audit trail (core.values.redaction), nothing is lost for good when a harmless field is redacted here, so names count.
"""

import functools
import re

# Names of fields whose values are neither kept nor logged. Case, `_`, `-`, spaces, digits at the end and a plural's `s` do not
# matter. `make docs` lists them in docs/audit.md.
EXACT_NAMES = (
    "auth", "authorization", "cookie", "credential", "cvc", "cvc2", "cvn", "cvv", "cvv2", "headers", "jwt", "otp", "pan",
    "pin", "proxy_authorization", "security_code", "session", "session_id", "set_cookie", "totp",
)  # fmt: skip
# The same for names that end so: `client_secret`, `X-Auth-Token`.
ENDINGS = (
    "access_key", "api_key", "card_number", "one_time_code", "passcode", "passphrase", "passwd", "password",
    "password_confirmation", "private_key", "pwd", "secret", "secret_key", "token", "verification_code",
)  # fmt: skip

_OTHER = re.compile(r"[^a-z0-9]")
# The parts of a path to a field.
_PATH = re.compile(r"[.\[\]/]")
_LONGEST_NAME = 200
_SHORTEST_CARD_NUMBER, _LONGEST_CARD_NUMBER = 14, 19
_DECIMALS = re.compile(r"\.\d", re.ASCII)


def _plain(name: str) -> str:
    return _OTHER.sub("", name.lower())


_EXACT = frozenset(_plain(name) for name in EXACT_NAMES)
_ENDINGS = tuple(_plain(name) for name in ENDINGS)
# Digits in groups, such as 4-4-4-4 or 4-6-5, however they are separated. A group before the last has at least three.
_GROUP = re.compile(r"\d+", re.ASCII)
_GROUPS = re.compile(
    r"(?<!\d)\d{3,}(?:[ \t\u00a0\u2007\u2009\u202f./_\u2010-\u2015\u2212-]{1,3}\d+)*", re.ASCII
)
_SHORTEST_GROUP = 3
# Or every digit, or every pair, by itself.
_SPELLED = re.compile(r"(?<![\d+])(?<!\d[ -])\d{1,2}(?:[ -]\d{1,2}(?!\d)){6,18}(?![ -]?\d)", re.ASCII)
# Twice a digit, the digits of the product added.
_TWICE = str.maketrans("0123456789", "0246813579")
# `?token=…` in a URL, `password='…'` in a text.
_PARAMETER = re.compile(
    r"""(?<![\w.\[\]-])(([\w.\[\]-]{1,60})["']?[ ]?=[ ]?["']?)[^\s&;#"'<>\\]+""", re.ASCII
)
# Lines of HTTP headers, and passwords. Not of every name in the list: "headers: Expected a dictionary" is no secret.
_LINE = re.compile(
    r"""(?<![\w-])((?:proxy-)?authorization|(?:set-)?cookie|x-[\w-]{1,58}|[\w-]{0,50}(?:passw(?:or)?d|passphrase|passcode|pwd))"""
    r"""["']?:[ \t]*(?=[^\s])""",
    re.ASCII | re.IGNORECASE,
)
_PASSWORD = re.compile(r"(://[^\s/:@]*:)[^\s/@]+(?=@)")


def is_secret_name(name: str) -> bool:
    """Return whether the value of a field called `name`, or `headers.name`, is a secret. A very long name counts as one."""
    return len(name) > _LONGEST_NAME or _names_a_secret(name)


# The same few names come with every line of the log.
@functools.lru_cache(maxsize=1024)
def _names_a_secret(name: str) -> bool:
    return any(_is_secret(_plain(part)) for part in _PATH.split(name))


def _is_secret(plain: str) -> bool:
    forms = (plain, plain.removesuffix("s"), plain.rstrip("0123456789"))
    return any(form in _EXACT or form.endswith(_ENDINGS) for form in forms)


def hide_parameters(text: str, replacement: str) -> str:
    """Return `text` with passwords in URLs replaced, and with the values of parameters and headers that have a secret's name."""
    if "=" in text:
        text = _PARAMETER.sub(
            lambda found: found[1] + replacement if is_secret_name(found[2]) else found[0], text
        )
    if "://" in text:
        text = _PASSWORD.sub(lambda found: found[1] + replacement, text)
    return _hide_lines(text, replacement) if ":" in text else text


def _hide_lines(text: str, replacement: str) -> str:
    """Return `text` with the rest of each line after a secret's name and a colon replaced."""
    kept, done = "", 0
    for found in _LINE.finditer(text):
        if found.start() >= done and is_secret_name(found[1]):
            kept += text[done : found.end()] + replacement
            end = text.find("\n", found.end())
            done = len(text) if end < 0 else end
    return kept + text[done:]


def hide_card_numbers(text: str, replacement: str) -> str:
    """Return `text` with every number that is a valid card number (ISO/IEC 7812) replaced."""
    if len(text) < _SHORTEST_CARD_NUMBER:
        return text
    text = _GROUPS.sub(lambda found: _without_cards(found, replacement), text)
    return _SPELLED.sub(
        lambda found: replacement if _is_card("".join(_GROUP.findall(found[0]))) else found[0], text
    )


def _without_cards(found: re.Match[str], replacement: str) -> str:
    """Return the groups of digits in `found` without those that together are a card's number."""
    run, whole = found[0], found.string
    if len(run) < _SHORTEST_CARD_NUMBER:
        return run
    groups = [group.span() for group in _GROUP.finditer(run)]
    kept, done, index = "", 0, 0
    while index < len(groups):
        last = _end_of_card(run, groups, index, whole, found.start())
        if last is None:
            index += 1
            continue
        kept += run[done : groups[index][0]] + replacement
        done, index = groups[last][1], last + 1
    return kept + run[done:]


def _end_of_card(run: str, groups: list[tuple[int, int]], first: int, whole: str, offset: int) -> int | None:
    """Return the index of the last group of the card number that begins with the group `first`, if one does."""
    start = groups[first][0]
    before = whole[offset + start - 1 : offset + start]
    # Not a phone number, and not what follows a decimal point.
    if run[start] not in "23456" or before in ("+", "."):
        return None
    digits = ""
    for index in range(first, len(groups)):
        group = run[slice(*groups[index])]
        digits += group
        if len(digits) > _LONGEST_CARD_NUMBER:
            break
        is_amount = _DECIMALS.match(whole, offset + groups[index][1]) is not None
        if not is_amount and _is_card(digits):
            return index
        if len(group) < _SHORTEST_GROUP:
            break
    return None


def _is_card(digits: str) -> bool:
    """Return whether `digits` have the length of a card number, and pass their check (ISO/IEC 7812, Annex B)."""
    if not _SHORTEST_CARD_NUMBER <= len(digits) <= _LONGEST_CARD_NUMBER:
        return False
    return (sum(map(int, digits[-1::-2])) + sum(map(int, digits[-2::-2].translate(_TWICE)))) % 10 == 0
