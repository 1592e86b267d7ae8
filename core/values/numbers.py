"""How a number is read that a person typed: by the page's language, and never by guessing.

`12,50` is twelve and a half in one country and a slip in another; read as 1,250 it costs somebody a hundred times the
price. So a number is taken only when it is written as the page itself writes numbers, and everything else is refused.
"""

import re
from dataclasses import dataclass

from django.utils.formats import get_format

# What people group digits with beside the sign of their language; the narrow and the wide space look alike when typed.
_SPACES = " \u00a0\u202f\u2009"
_SIGNS = re.compile(rf"[0-9.,'’٫٬{_SPACES}]+")


class NotANumber(ValueError):
    """The text is no number of the kind that is wanted."""


class AmbiguousNumber(NotANumber):
    """The text is a number, but not the same one to everybody."""


@dataclass(frozen=True, slots=True)
class NumberStyle:
    """How a language writes numbers: the sign before the decimals, and the one between groups of three digits."""

    decimal: str
    group: str


ENGLISH = NumberStyle(".", ",")


def style_of_page() -> NumberStyle:
    """Return how the language of the page at hand writes numbers (Django's formats of the active translation)."""
    return NumberStyle(
        get_format("DECIMAL_SEPARATOR", use_l10n=True), get_format("THOUSAND_SEPARATOR", use_l10n=True)
    )


def parse_decimal(text: str, *, decimals: int, style: NumberStyle = ENGLISH) -> int:
    """Return the number in `text`, times ten to the power of `decimals`: ("7.7", decimals=2) is 770.

    Digits with or without groups of three, and at most `decimals` digits after one decimal sign. Raises
    AmbiguousNumber where the signs are those of another language or could be, and NotANumber for anything else.
    """
    text = text.strip()
    group = f"[{_SPACES}]" if style.group in _SPACES else re.escape(style.group)
    found = re.fullmatch(
        rf"([1-9][0-9]{{0,2}}(?:{group}[0-9]{{3}})+|[0-9]+)(?:{re.escape(style.decimal)}([0-9]+))?", text
    )
    if found is None or len(found[2] or "") > decimals:
        if _SIGNS.fullmatch(text) and not text.isdecimal():
            raise AmbiguousNumber(f"“{text}” can be read in more than one way.")
        raise NotANumber(f"“{text}” is not a number.")
    whole = re.sub(r"[^0-9]", "", found[1])
    if found[2] is None and decimals >= 3 and len(found[1]) - len(whole) == 1 and style.group not in _SPACES:
        # `12,500` dinars: twelve thousand to one reader, twelve and a half to the next one, who has three decimals.
        raise AmbiguousNumber(f"“{text}” can be read in more than one way.")
    return int(whole + (found[2] or "").ljust(decimals, "0"))


def write_decimal(number: int, *, decimals: int, style: NumberStyle = ENGLISH) -> str:
    """Return what `parse_decimal` reads as `number`, with groups of three and all decimals; the minus sign is U+2212."""
    whole, rest = divmod(abs(number), 10**decimals)
    digits = f"{whole:,}".replace(",", style.group)
    if decimals:
        digits += f"{style.decimal}{rest:0{decimals}d}"
    return f"−{digits}" if number < 0 else digits
