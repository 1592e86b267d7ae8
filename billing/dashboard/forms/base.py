"""Code shared by billing's forms."""

import re
from decimal import Decimal
from typing import Any

from django import forms

from billing.money import MAX_QUANTITY, MAX_TAX_RATE_BPS, QUANTITY_DECIMALS
from core.ui.forms import read_pairs
from core.values.currencies import CURRENCIES
from core.values.form_fields import amount_text, number_refused, read_amount
from core.values.numbers import AmbiguousNumber, NotANumber, parse_decimal, style_of_page, write_decimal

FIRST_CURRENCIES = ("EUR", "USD", "GBP", "CHF", "JPY")


class MetadataTextField(forms.CharField):
    """Metadata as text: one `name=value` per line."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("required", False)
        kwargs.setdefault("max_length", 30_000)
        kwargs.setdefault(
            "help_text", "One name=value per line, up to 50. Customers can be filtered by metadata."
        )
        kwargs.setdefault(
            "widget", forms.Textarea(attrs={"rows": 3, "spellcheck": "false", "placeholder": "plan=gold"})
        )
        super().__init__(**kwargs)

    def prepare_value(self, value: Any) -> Any:
        """Format a mapping as lines."""
        if isinstance(value, dict):
            return "\n".join(f"{name}={text}" for name, text in value.items())
        return value

    def clean(self, value: Any) -> dict[str, str]:
        """Parse the lines into a mapping."""
        return read_pairs(
            super().clean(value), separator="=", hint="Write each entry as name=value on its own line."
        )


def currency_choices() -> list[tuple[str, str]]:
    """Return the currencies as choices, common ones first."""
    return [(code, code) for code in dict.fromkeys((*FIRST_CURRENCIES, *CURRENCIES))]


def quantity_text(value: Decimal) -> str:
    """Return a quantity without trailing zeros, in the page's number format."""
    style = style_of_page()
    text = write_decimal(int(value.scaleb(QUANTITY_DECIMALS)), decimals=QUANTITY_DECIMALS, style=style)
    return text.rstrip("0").removesuffix(style.decimal)


def read_quantity(text: str) -> Decimal:
    """Parse a quantity such as `3` or `1.5`. Raises ValidationError."""
    style = style_of_page()
    decimals = len(text.strip().partition(style.decimal)[2])
    try:
        if decimals > QUANTITY_DECIMALS:
            raise NotANumber
        if decimals == 3 and re.fullmatch(
            rf"\s*[1-9][0-9]{{0,2}}{re.escape(style.decimal)}[0-9]{{3}}\s*", text
        ):
            # `1.000` is one to one reader and a thousand to another. With a fourth decimal place it is one to both.
            raise AmbiguousNumber(f"“{text.strip()}” can be read in more than one way.")
        value = Decimal(parse_decimal(text, decimals=decimals, style=style)).scaleb(-decimals)
    except NotANumber as error:
        example = write_decimal(15, decimals=1, style=style)
        raise number_refused(
            error, f"Write a number with at most {QUANTITY_DECIMALS} decimals, such as 3 or {example}."
        ) from error
    if not 0 < value <= MAX_QUANTITY:
        raise forms.ValidationError(f"Use a number greater than 0 and at most {MAX_QUANTITY:,}.")
    return value


def read_discount(text: str, currency: str) -> dict[str, int]:
    """Parse a discount such as `10%` or an amount, in the form that the services accept. Raises ValidationError."""
    if text.strip().endswith("%"):
        return {"discount_bps": read_percent(text)}
    return {"discount_amount": read_amount(text or "0", currency)}


def discount_text(bps: int | None, amount: int, currency: str) -> str:
    """Return a discount in the form that `read_discount` parses; "" for none."""
    if bps is not None:
        return f"{percent_text(bps)}%"
    return amount_text(amount, currency) if amount else ""


def percent_text(bps: int) -> str:
    """Return basis points as a percentage without trailing zeros, in the page's number format."""
    style = style_of_page()
    text = write_decimal(bps, decimals=2, style=style)
    return text.rstrip("0").removesuffix(style.decimal)


def read_percent(text: str) -> int:
    """Return the basis points of a percentage such as `19`, `7.7` or `7.7 %`. Raises ValidationError."""
    style = style_of_page()
    try:
        value = parse_decimal(text.strip().removesuffix("%"), decimals=2, style=style)
    except NotANumber as error:
        example = write_decimal(77, decimals=1, style=style)
        raise number_refused(
            error, f"Write a percentage with at most two decimals, such as 19 or {example}."
        ) from error
    if value > MAX_TAX_RATE_BPS:
        raise forms.ValidationError("Use a percentage from 0 to 100%.")
    return value
