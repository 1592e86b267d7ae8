"""Fields of the API whose texts are read by `core`'s own readers, the same that forms and commands use."""

from base64 import b64decode
from datetime import date, datetime
from typing import Any, ClassVar

from django.core.validators import EmailValidator
from rest_framework import serializers

from core.api.patterns import BASE64, ONE_LINE, id_pattern
from core.values.email_addresses import InvalidEmail, parse_email
from core.values.moments import parse_day, parse_moment


class EmailAddressField(serializers.EmailField):
    """An address that mail can be sent to, without a name; it is kept in ASCII (see core.values.email_addresses)."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        # Our own reader is the only judge: two of them would disagree.
        self.validators = [one for one in self.validators if not isinstance(one, EmailValidator)]

    def to_internal_value(self, data: Any) -> str:
        """Read the address; raises ValidationError."""
        text: str = super().to_internal_value(data)
        try:
            return parse_email(text)
        except InvalidEmail as error:
            raise serializers.ValidationError(str(error), code="invalid") from error


class NameField(serializers.CharField):
    """A name or an identifier of somebody's own, on one line; the rest is judged by core.values.texts.clean_name, in the service."""

    json_schema: ClassVar[dict[str, Any]] = {"pattern": ONE_LINE}


class Base64Field(serializers.CharField):
    """Bytes in base 64 (RFC 4648 §4), with its padding."""

    json_schema: ClassVar[dict[str, Any]] = {"contentEncoding": "base64", "pattern": BASE64}

    def to_internal_value(self, data: Any) -> bytes:  # type: ignore[override]  # the texts of this field are bytes
        """Return the bytes; raises ValidationError."""
        try:
            return b64decode(super().to_internal_value(data), validate=True)
        except ValueError as error:
            message = "Must be base 64 with its padding (RFC 4648 §4), without line breaks."
            raise serializers.ValidationError(message, code="invalid_base64") from error


class MomentField(serializers.DateTimeField):
    """A moment by RFC 3339, with its time zone; it becomes UTC."""

    def to_internal_value(self, value: Any) -> datetime:
        """Read the moment; raises ValidationError, with an example."""
        try:
            return parse_moment(value)
        except ValueError as error:
            raise serializers.ValidationError(str(error), code="invalid") from error


class DayField(serializers.DateField):
    """A day as in `2026-01-31`."""

    def to_internal_value(self, value: Any) -> date:
        """Read the day; raises ValidationError, with an example."""
        try:
            return parse_day(value)
        except ValueError as error:
            raise serializers.ValidationError(str(error), code="invalid") from error


class PublicIdField(serializers.CharField):
    """The identifier of an object, which begins with `prefix`; that there is such an object is judged by the service."""

    def __init__(self, prefix: str, **kwargs: Any) -> None:
        super().__init__(**{"max_length": 64, **kwargs})
        self.json_schema = {"pattern": id_pattern(prefix)}
