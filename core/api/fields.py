"""Fields of the API whose texts are read by `core`'s own readers, the same that forms and commands use."""

from datetime import date, datetime
from typing import Any

from rest_framework import serializers

from core.moments import parse_day, parse_moment


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
