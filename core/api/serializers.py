"""Input serializers that accept exactly what is documented."""

from functools import cache
from typing import Any, ClassVar, Self

from rest_framework import serializers
from rest_framework.request import Request

from core.api.json import MAX_SAFE_INTEGER
from core.api.patterns import NO_NUL
from core.api.schema_enums import name_values
from core.values.metadata import BAD_NAME, MAX_ENTRIES, MAX_NAME, MAX_VALUE, TOO_MANY

# A class of fields may say what JSON Schema can say of its values beyond DRF's own options, by `json_schema`; a
# StrictSerializer the same of the whole object. Both are merged into the OpenAPI document by `core.api.schema`.
Json = dict[str, Any]

name_values("Mode", ["live", "test"])
name_values("Interval", ["hour", "day"])


def _refuse_hostile_text(value: Any, path: str, problems: dict[str, list[str]]) -> None:
    if isinstance(value, str):
        if "\x00" in value:
            problems[path] = ["Must not contain a NUL character."]
    elif isinstance(value, dict):
        for key, inner in value.items():
            name = str(key)
            if "\x00" in name:
                problems[path or "body"] = ["A name must not contain a NUL character."]
                continue
            _refuse_hostile_text(inner, f"{path}.{name}" if path else name, problems)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            _refuse_hostile_text(inner, f"{path}.{index}" if path else str(index), problems)


# What JSON type each kind of field takes. DRF converts freely (7 becomes "7", "yes" becomes true); an API that documents
# types must not, or a mistake of the caller is stored as if it were meant.
_JSON_TYPES: tuple[tuple[type[serializers.Field[Any, Any, Any, Any]], tuple[type, ...], str], ...] = (
    (serializers.BooleanField, (bool,), "true or false"),
    (serializers.IntegerField, (int,), "an integer"),
    (serializers.CharField, (str,), "a string"),
    (serializers.ChoiceField, (str,), "a string"),
    (serializers.DateTimeField, (str,), "a string"),
    (serializers.DateField, (str,), "a string"),
    (serializers.UUIDField, (str,), "a string"),
    (serializers.ListField, (list,), "a list"),
    (serializers.DictField, (dict,), "an object"),
)


def _check_types(
    field: serializers.Field[Any, Any, Any, Any], value: Any, path: str, problems: dict[str, list[Any]]
) -> None:
    if value is None:
        return  # whether null is accepted is the field's own question
    if isinstance(field, serializers.ListSerializer) or (
        isinstance(field, serializers.ListField) and not isinstance(field, serializers.MultipleChoiceField)
    ):
        if isinstance(value, list) and field.child is not None:
            for index, inner in enumerate(value):
                _check_types(field.child, inner, f"{path}.{index}", problems)
        return
    if isinstance(field, serializers.DictField):
        if isinstance(value, dict):
            for name, inner in value.items():
                _check_types(field.child, inner, f"{path}.{name}", problems)
        return
    for kind, types, words in _JSON_TYPES:
        if isinstance(field, kind):
            if kind is serializers.IntegerField and _is_whole(value):
                return
            if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
                problems[path] = [serializers.ErrorDetail(f"Must be {words}.", code="wrong_type")]
            return


def _is_whole(value: Any) -> bool:
    """Whether `value` is a float that JSON Schema calls an integer (2020-12, validation §6.1.1): `5.0`, `1e2`.

    DRF's IntegerField makes the whole number of it.
    """
    return isinstance(value, float) and value.is_integer() and abs(value) <= MAX_SAFE_INTEGER


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses unknown fields by name, wrong JSON types, text that PostgreSQL cannot store, and a change of nothing."""

    json_schema: ClassVar[Json] = {}
    # Whether a request may leave its body out, as the API document says it.
    body_is_optional: ClassVar[bool] = False

    @classmethod
    def read(cls, request: Request) -> dict[str, Any]:
        """Return the validated body of `request`; raises ValidationError naming each refused field.

        For PATCH only the fields that were sent are required and returned.
        """
        validated: dict[str, Any] = cls._shared(request.method == "PATCH").run_validation(request.data)
        return validated

    @classmethod
    @cache
    def _shared(cls, partial: bool) -> Self:
        """Return the one instance that validates for all requests: it keeps nothing of them, and each costs a copy of all fields."""
        return cls(partial=partial)

    def to_internal_value(self, data: Any) -> Any:
        """Validate `data`; raises ValidationError naming every field that is refused."""
        if isinstance(data, dict):
            unknown = {
                str(name): [serializers.ErrorDetail("Unknown field.", code="unknown_field")]
                for name in data
                if name not in self.fields or self.fields[name].read_only
            }
            if unknown:
                raise serializers.ValidationError(unknown)
            if isinstance(self.parent, serializers.ListField):
                # DRF takes an item of a list for partial where the whole body is; a list is replaced as a whole, item by item.
                missing = {
                    name: [serializers.ErrorDetail("This field is required.", code="required")]
                    for name, field in self.fields.items()
                    if field.required and name not in data
                }
                if missing:
                    raise serializers.ValidationError(missing)
            if self.parent is None:
                problems: dict[str, list[str]] = {}
                _refuse_hostile_text(data, "", problems)
                if problems:
                    raise serializers.ValidationError(problems)
            mistyped: dict[str, list[Any]] = {}
            for name, value in data.items():
                if not isinstance(self.fields[name], serializers.Serializer):
                    _check_types(self.fields[name], value, name, mistyped)
            if mistyped:
                raise serializers.ValidationError(mistyped)
            if self.partial and not data and self.parent is None:
                # Success would tell a caller whose body got lost that the change was made.
                raise serializers.ValidationError(
                    {
                        "non_field_errors": [
                            serializers.ErrorDetail("Send at least one field.", code="required")
                        ]
                    }
                )
        return super().to_internal_value(data)


class NoBody(StrictSerializer):
    """The body of an operation that takes none: empty, or an empty object."""


class MetadataField(serializers.DictField):
    """Up to 50 names of at most 40 characters, each with a text of at most 500 characters (core.values.metadata)."""

    child = serializers.CharField(max_length=MAX_VALUE, allow_blank=True, trim_whitespace=False)

    default_error_messages = {
        "too_many": TOO_MANY,
        "name": BAD_NAME,
    }
    json_schema: ClassVar[Json] = {
        "maxProperties": MAX_ENTRIES,
        "propertyNames": {"minLength": 1, "maxLength": MAX_NAME, "pattern": NO_NUL},
    }

    def to_internal_value(self, data: Any) -> dict[str, str]:
        """Validate the names and the texts."""
        values: dict[str, str] = super().to_internal_value(data)
        if len(values) > MAX_ENTRIES:
            self.fail("too_many")
        if any(not 1 <= len(name) <= MAX_NAME for name in values):
            self.fail("name")
        return values
