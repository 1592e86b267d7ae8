"""What an update changes in a row."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from core.clock import rfc3339


def changed_fields(row: object, wanted: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Return the present and the wanted value of each field in which they differ."""
    return {
        name: [getattr(row, name), value] for name, value in wanted.items() if getattr(row, name) != value
    }


def apply_changes(row: object, changes: Mapping[str, Sequence[Any]]) -> None:
    """Give each field of `changed_fields` its wanted value."""
    for name, (_, value) in changes.items():
        setattr(row, name, value)


def as_recorded(changes: Mapping[str, Sequence[Any]]) -> dict[str, list[Any]]:
    """Return changes as the audit trail has them: in the order of their names, with moments as RFC 3339."""
    return {name: [_plain(value) for value in changes[name]] for name in sorted(changes)}


def _plain(value: Any) -> Any:
    return rfc3339(value) if isinstance(value, datetime) else value
