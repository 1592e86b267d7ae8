"""Template tags and filters that write a value as people read it, loaded with `{% load ui %}`: moments, money, times, texts.

Amounts are integers in minor units and times are aware datetimes, as everywhere else.
"""

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django import template
from django.forms import BoundField
from django.utils import timezone
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString, mark_safe

from core.values.currencies import money_text
from core.values.latency import milliseconds_text
from core.values.moments import describe_distance

register = template.Library()

_TO_THE_SECOND = "%d %b %Y, %H:%M:%S"
_CODE = re.compile(r"`([^`\n]+)`")
# Proper nouns in the texts of libraries.
NAMES = frozenset({"Pomelo"})


@register.simple_tag
def relative_time(moment: datetime | None, never: str = "Never") -> SafeString:
    """`<time>3 hours ago</time>`, with the exact time on hover. Shows `never` for None."""
    if moment is None:
        return _no_time(never)
    return _time(moment, describe_distance(moment, timezone.now()), local="title")


@register.simple_tag
def log_time(moment: datetime) -> SafeString:
    """`<time>21 Nov 2026, 18:05:03</time>`, the compact form for log lines."""
    return _time(moment, f"{moment.astimezone(UTC):{_TO_THE_SECOND}}", local="text")


@register.simple_tag
def exact_time(moment: datetime | None, never: str = "Never") -> SafeString:
    """`<time>21 Nov 2026, 18:05:00 UTC</time>`. Shows `never` for None."""
    if moment is None:
        return _no_time(never)
    return _time(moment, f"{moment.astimezone(UTC):{_TO_THE_SECOND} UTC}", local="zoned")


@register.simple_tag
def utc_day(moment: datetime) -> SafeString:
    """`<time>21 Nov 2026</time>`, a day in UTC: the date of a document, which is the same for whoever reads it."""
    return _time(moment, f"{moment.astimezone(UTC):%-d %b %Y}", local="title")


def _time(moment: datetime, text: str, *, local: str) -> SafeString:
    """Render a timestamp, with UTC in its title and, without scripts, in its text.

    Scripts add the user's local time according to `local` (lists.js): as the text, with the zone, or in the title next to UTC.
    """
    exact = moment.astimezone(UTC)
    return format_html(
        '<time datetime="{}" title="{}" data-local="{}">{}</time>',
        exact.isoformat(timespec="seconds"),
        f"{exact:{_TO_THE_SECOND} UTC}",
        local,
        text,
    )


def _no_time(words: str) -> SafeString:
    return format_html('<span class="dim">{}</span>', words)


@register.filter
def money(amount: int | None, currency: str) -> str:
    """Format an amount in minor units: `1999|money:"EUR"` is €19.99, `500|money:"JPY"` is ¥500."""
    return "–" if amount is None else money_text(int(amount), currency.upper())


@register.filter
def quantity(value: Decimal) -> str:
    """Format a quantity without trailing zeros: `2.500000` is 2.5, `1000` is 1,000."""
    return f"{value.normalize():,f}"


@register.filter
def milliseconds(value: float | None) -> str:
    """Format a duration: `4.2|milliseconds` is 4.2 ms, `1350|milliseconds` is 1.35 s, None is a dash."""
    return "–" if value is None else milliseconds_text(value)


# In matching order: Edge's user agent also contains Chrome, and Chrome's contains Safari.
_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS = (
    ("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"), ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"), ("Linux", "Linux"),
)  # fmt: skip


@register.filter
def device(user_agent: str) -> str:
    """Describe a user agent: "Firefox on Linux". Only a guess, since clients can send anything."""
    browser = next((name for part, name in _BROWSERS if part in user_agent), "")
    system = next((name for part, name in _SYSTEMS if part in user_agent), "")
    return " on ".join(filter(None, (browser, system))) or "A program"


@register.filter
def prose(text: Any) -> SafeString:
    """Render an API text with `names` in backticks as HTML with `<code>`. Everything else is escaped."""
    return mark_safe(_CODE.sub(r"<code>\1</code>", conditional_escape(text)))  # noqa: S308 - escaped above


@register.filter
def sentence_case(text: Any) -> str:
    """Convert a library's title case to sentence case: "Change Password" becomes "Change password"."""
    first, *others = str(text).strip().split(" ") if str(text).strip() else [""]
    return " ".join([first, *(word if _is_a_name(word) else word.lower() for word in others)])


@register.filter
def in_sentence_case(bound: BoundField) -> BoundField:
    """Convert the label and placeholder of a library's form field to sentence case."""
    bound.label = sentence_case(bound.label)
    placeholder = bound.field.widget.attrs.get("placeholder")
    if placeholder:
        bound.field.widget.attrs["placeholder"] = sentence_case(placeholder)
    return bound


def _is_a_name(word: str) -> bool:
    """Whether a word keeps its capitals: an abbreviation (URL, TOTP), a proper noun, or not in title case."""
    return not (word[:1].isupper() and word[1:].islower()) or word in NAMES


@register.filter
def initials(name: str) -> str:
    """One or two letters for an avatar: "Acme Corp" is AC, "ada@example.com" is A."""
    words = str(name).split("@", maxsplit=1)[0].split()
    return "".join(word[0] for word in words[:2]).upper() or "?"
