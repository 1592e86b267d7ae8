"""Input serializers that accept exactly what is documented."""

from typing import Any

from rest_framework import serializers

MAX_DEPTH = 12


def _refuse_hostile_text(value: Any, path: str, problems: dict[str, list[str]], depth: int = 0) -> None:
    if isinstance(value, str):
        if "\x00" in value:
            problems[path] = ["Must not contain a NUL character."]
    elif depth > MAX_DEPTH:
        problems[path] = [f"Is nested deeper than {MAX_DEPTH} levels."]
    elif isinstance(value, dict):
        for key, inner in value.items():
            name = str(key)
            if "\x00" in name:
                problems[path or "body"] = ["A name must not contain a NUL character."]
                continue
            _refuse_hostile_text(inner, f"{path}.{name}" if path else name, problems, depth + 1)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            _refuse_hostile_text(inner, f"{path}.{index}" if path else str(index), problems, depth + 1)


class StrictSerializer(serializers.Serializer):
    """Refuses unknown fields by name, and text that PostgreSQL cannot store, before any field is looked at."""

    def to_internal_value(self, data: Any) -> Any:
        """Validate `data`; raises ValidationError naming every field that is refused."""
        if isinstance(data, dict):
            unknown = {
                str(name): [serializers.ErrorDetail("This field is not known here.", code="unknown_field")]
                for name in data
                if name not in self.fields
            }
            if unknown:
                raise serializers.ValidationError(unknown)
            if self.parent is None:
                problems: dict[str, list[str]] = {}
                _refuse_hostile_text(data, "", problems)
                if problems:
                    raise serializers.ValidationError(problems)
        return super().to_internal_value(data)


class MetadataField(serializers.DictField):
    """Up to 50 names of at most 40 characters, each with a text of at most 500 characters."""

    child = serializers.CharField(max_length=500, allow_blank=True, trim_whitespace=False)

    default_error_messages = {
        "too_many": "At most 50 entries are accepted.",
        "name": "A name must have 1 to 40 characters.",
    }

    def to_internal_value(self, data: Any) -> dict[str, str]:
        """Validate the names and the texts."""
        values: dict[str, str] = super().to_internal_value(data)
        if len(values) > 50:
            self.fail("too_many")
        if any(not 1 <= len(name) <= 40 for name in values):
            self.fail("name")
        return values
