"""What an update changes in a row."""

from collections.abc import Mapping
from typing import Any


def changed_fields(row: object, wanted: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Return the present and the wanted value of each field in which they differ."""
    return {
        name: [getattr(row, name), value] for name, value in wanted.items() if getattr(row, name) != value
    }
