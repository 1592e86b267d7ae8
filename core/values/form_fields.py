"""Form fields for people: input is parsed in the page's own format, or refused with an example."""

from datetime import UTC, date, datetime, tzinfo
from typing import Any

from django import forms

from core.values.currencies import EXPONENTS, decimal_text, parse_amount
from core.values.email_addresses import InvalidEmail, parse_email
from core.values.moments import parse_day, parse_moment, parse_moment_in
from core.values.numbers import AmbiguousNumber, NotANumber, parse_decimal, style_of_page, write_decimal
from core.values.texts import clean_name


def amount_text(amount: int, currency: str) -> str:
    """Format minor units in the current page's format, which `read_amount` parses."""
    return decimal_text(amount, currency, style_of_page())


def read_amount(text: str, currency: str) -> int:
    """Parse an amount into minor units. Raises ValidationError with an example."""
    try:
        return parse_amount(text, currency, style_of_page())
    except NotANumber as error:
        example = amount_text(10 ** EXPONENTS[currency] * 1250, currency)
        raise number_refused(error, f"Write the amount as in {example} ({currency}).") from error


def number_refused(error: NotANumber, hint: str) -> forms.ValidationError:
    """Return the refusal of a number: `hint` says how to write it, after what made it ambiguous, if it is."""
    return forms.ValidationError(f"{error} {hint}" if isinstance(error, AmbiguousNumber) else hint)


class NameField(forms.CharField):
    """A name: a single line with at least one visible character."""

    def to_python(self, value: Any) -> str:
        """Clean the name. Raises ValidationError."""
        text = super().to_python(value) or ""
        if not text:
            return text
        try:
            return clean_name(text, longest=self.max_length or len(text))
        except ValueError as error:
            raise forms.ValidationError(str(error), code="invalid") from error


class EmailAddressField(forms.EmailField):
    """An email address without a display name, stored in ASCII (core.values.email_addresses)."""

    default_validators: list[Any] = []

    def to_python(self, value: Any) -> str:
        """Parse the address. Raises ValidationError."""
        text = super().to_python(value) or ""
        if not text:
            return text
        try:
            return parse_email(text)
        except InvalidEmail as error:
            raise forms.ValidationError(str(error), code="invalid") from error


class MomentField(forms.DateTimeField):
    """A timestamp, converted to UTC. With a default `zone`, which the label must name, the offset is optional; otherwise RFC 3339."""

    widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")

    def __init__(self, *, zone: tzinfo | None = UTC, **kwargs: Any) -> None:
        self.zone = zone
        super().__init__(**kwargs)

    def to_python(self, value: Any) -> datetime | None:
        """Parse the timestamp. Raises ValidationError with an example."""
        if value in self.empty_values:
            return None
        if isinstance(value, datetime):
            return value
        try:
            text = str(value)
            return parse_moment(text) if self.zone is None else parse_moment_in(self.zone, text.strip())
        except ValueError as error:
            raise forms.ValidationError(str(error), code="invalid") from error


class DayField(forms.DateField):
    """A date such as `2026-01-31`, the format of HTML date inputs."""

    widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")

    def to_python(self, value: Any) -> date | None:
        """Parse the date. Raises ValidationError with an example."""
        if value in self.empty_values:
            return None
        if isinstance(value, date):
            return value
        try:
            return parse_day(str(value).strip())
        except ValueError as error:
            raise forms.ValidationError(str(error), code="invalid") from error


class WholeNumberField(forms.IntegerField):
    """An integer in the page's number format. Django's own field parses `1.000` as 1 and accepts digits of any script."""

    def to_python(self, value: Any) -> int | None:
        """Parse the number. Raises ValidationError with an example."""
        if value in self.empty_values:
            return None
        if isinstance(value, int):
            return value
        text = str(value).strip()
        style, negative = style_of_page(), text.startswith("-")
        try:
            number = parse_decimal(text.removeprefix("-"), decimals=0, style=style)
        except AmbiguousNumber as error:
            example = write_decimal(1250, decimals=0, style=style)
            raise forms.ValidationError(
                f"{error} Write a whole number, as in 1250 or {example}.", code="invalid"
            ) from error
        except NotANumber as error:
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid") from error
        return -number if negative else number
