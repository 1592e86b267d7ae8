"""Fields of forms that people fill in: what they type is read as the page writes it, or refused with an example."""

from datetime import UTC, date, datetime, tzinfo
from typing import Any

from django import forms

from core.values.currencies import EXPONENTS, decimal_text, parse_amount
from core.values.email_addresses import InvalidEmail, parse_email
from core.values.moments import parse_day, parse_moment, parse_moment_in
from core.values.numbers import AmbiguousNumber, NotANumber, parse_decimal, style_of_page, write_decimal
from core.values.texts import clean_name


def amount_text(amount: int, currency: str) -> str:
    """Return minor units as the page at hand writes them: what `read_amount` reads."""
    return decimal_text(amount, currency, style_of_page())


def read_amount(text: str, currency: str) -> int:
    """Return the minor units of what a person typed. Raises ValidationError, saying how to write it."""
    try:
        return parse_amount(text, currency, style_of_page())
    except NotANumber as error:
        example = amount_text(10 ** EXPONENTS[currency] * 1250, currency)
        why = f"{error} " if isinstance(error, AmbiguousNumber) else ""
        raise forms.ValidationError(f"{why}Write the amount as in {example} ({currency}).") from error


class NameField(forms.CharField):
    """The name of somebody or something: there is something to see, on one line."""

    def to_python(self, value: Any) -> str:
        """Clean the name; raises ValidationError."""
        text = super().to_python(value) or ""
        if not text:
            return text
        try:
            return clean_name(text, longest=self.max_length or len(text))
        except ValueError as error:
            raise forms.ValidationError(str(error), code="invalid") from error


class EmailAddressField(forms.EmailField):
    """An address that mail can be sent to, without a name; it is kept in ASCII (see core.values.email_addresses)."""

    default_validators: list[Any] = []

    def to_python(self, value: Any) -> str:
        """Read the address; raises ValidationError."""
        text = super().to_python(value) or ""
        if not text:
            return text
        try:
            return parse_email(text)
        except InvalidEmail as error:
            raise forms.ValidationError(str(error), code="invalid") from error


class MomentField(forms.DateTimeField):
    """A moment in UTC. With `zone`, which the label has to say, the zone may be left out; else RFC 3339 is required."""

    widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")

    def __init__(self, *, zone: tzinfo | None = UTC, **kwargs: Any) -> None:
        self.zone = zone
        super().__init__(**kwargs)

    def to_python(self, value: Any) -> datetime | None:
        """Read the moment; raises ValidationError, with an example."""
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
    """A day as in `2026-01-31`, which is what browsers send of an input of type date."""

    widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")

    def to_python(self, value: Any) -> date | None:
        """Read the day; raises ValidationError, with an example."""
        if value in self.empty_values:
            return None
        if isinstance(value, date):
            return value
        try:
            return parse_day(str(value).strip())
        except ValueError as error:
            raise forms.ValidationError(str(error), code="invalid") from error


class WholeNumberField(forms.IntegerField):
    """A whole number, written as the page writes numbers; Django's own field takes `1.000` for 1 and digits of any script."""

    def to_python(self, value: Any) -> int | None:
        """Read the number; raises ValidationError, with an example."""
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
