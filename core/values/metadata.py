"""Metadata: a company's own key-value pairs on an object, with the same rules for all objects and all callers."""

from collections.abc import Mapping
from typing import Any

from core.errors import FieldError
from core.values.texts import normalize

MAX_ENTRIES = 50
MAX_NAME = 40
MAX_VALUE = 500
TOO_MANY = f"At most {MAX_ENTRIES} entries are accepted."
BAD_NAME = f"A name must have 1 to {MAX_NAME} characters."


def merge_metadata(before: Mapping[str, str], change: Mapping[str, str | None] | None) -> dict[str, Any]:
    """Merge `change` into `before`. Null removes an entry; an empty string is a value like any other."""
    if change is None:
        return {}
    return {name: value for name, value in {**before, **change}.items() if value is not None}


def clean_metadata(metadata: Mapping[str, str] | None) -> tuple[dict[str, str], list[FieldError]]:
    """Return `metadata` in its stored form (NFC), and all validation errors."""
    kept: dict[str, str] = {}
    problems = []
    for given, value in (metadata or {}).items():
        name = normalize(given)
        if name in kept:
            problems.append(
                FieldError(
                    f"metadata.{name}", "duplicate", "Two names are identical after Unicode normalization."
                )
            )
        kept[name] = normalize(value) if isinstance(value, str) else value
    if len(kept) > MAX_ENTRIES:
        problems.append(FieldError("metadata", "too_many", TOO_MANY))
    for name, value in kept.items():
        if not 1 <= len(name) <= MAX_NAME:
            problems.append(FieldError("metadata", "name", BAD_NAME))
        elif not isinstance(value, str) or len(value) > MAX_VALUE:
            message = f"Use a string of at most {MAX_VALUE} characters."
            problems.append(FieldError(f"metadata.{name}", "invalid", message))
    return kept, problems
