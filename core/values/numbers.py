"""Parsing of numbers typed by people, in the page's language and without guessing.

`12,50` is twelve and a half in some countries and a typo in others; parsed as 1,250 it costs somebody a hundred times the
price. A number is therefore accepted only in the page's own format.
"""

import re
from dataclasses import dataclass

from django.utils.formats import get_format

# Digit separators that people use besides those of their language. The spaces look alike.
_SPACES = " \u00a0\u202f\u2009"
_SIGNS = re.compile(rf"[0-9.,'’٫٬{_SPACES}]+")


class NotANumber(ValueError):
    """The text is not a number in the expected format."""


class AmbiguousNumber(NotANumber):
    """The text is a number, but its value depends on the reader's language."""


@dataclass(frozen=True, slots=True)
class NumberStyle:
    """A language's number format: the decimal separator and the group separator."""

    decimal: str
    group: str


ENGLISH = NumberStyle(".", ",")


def style_of_page() -> NumberStyle:
    """Return the number format of the current page's language (Django's formats for the active translation)."""
    return NumberStyle(
        get_format("DECIMAL_SEPARATOR", use_l10n=True), get_format("THOUSAND_SEPARATOR", use_l10n=True)
    )


def parse_decimal(text: str, *, decimals: int, style: NumberStyle = ENGLISH) -> int:
    """Parse the number in `text` and scale it by ten to the power of `decimals`: ("7.7", decimals=2) is 770.

    Digit grouping is optional, and at most `decimals` decimals are accepted. Raises AmbiguousNumber if the separators are, or
    could be, those of another language, and NotANumber for anything else.
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
        # `12,500` dinars: twelve thousand to some readers, twelve and a half to others, as dinars have three decimals.
        raise AmbiguousNumber(f"“{text}” can be read in more than one way.")
    return int(whole + (found[2] or "").ljust(decimals, "0"))


def write_decimal(number: int, *, decimals: int, style: NumberStyle = ENGLISH) -> str:
    """Format `number` for `parse_decimal`, with digit grouping and all decimals. The minus sign is U+2212."""
    whole, rest = divmod(abs(number), 10**decimals)
    digits = f"{whole:,}".replace(",", style.group)
    if decimals:
        digits += f"{style.decimal}{rest:0{decimals}d}"
    return f"−{digits}" if number < 0 else digits
