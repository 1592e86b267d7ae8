"""Field-by-field diffs of an event's changes: before and after, additions and removals of lists. Pure functions."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from core.values.labels import label_of

# A line that is unchanged, removed or added.
KEPT, REMOVED, ADDED = "kept", "removed", "added"
# Comparing is quadratic.
MOST_LINES = 1_000


@dataclass(frozen=True, slots=True)
class Piece:
    """A value, an element of a list or a line of a text, and whether it was kept, added or removed."""

    text: str
    fate: str = KEPT


@dataclass(frozen=True, slots=True)
class Difference:
    """One field: its label, and its values before and after. A multi-line text has `lines` instead."""

    label: str
    before: tuple[Piece, ...] = ()
    after: tuple[Piece, ...] = ()
    lines: tuple[Piece, ...] = ()


def differences(changes: Mapping[str, Any]) -> list[Difference]:
    """Return the differences of `changes` (field → [before, after]); objects are compared field by field."""
    found: list[Difference] = []
    for name, values in changes.items():
        before, after = values if isinstance(values, list) and len(values) == 2 else (None, values)
        found += _compare(label_of(name), before, after)
    return found


def facts(detail: Mapping[str, Any]) -> list[tuple[str, tuple[Piece, ...]]]:
    """Return an event's details as (label, values), with nested objects flattened into their fields."""
    return [
        (one.label, one.after or one.lines)
        for name, value in detail.items()
        for one in _compare(label_of(name), None, value)
    ]


def _lower(label: str) -> str:
    """Return a label as it stands after another one; an abbreviation keeps its capitals."""
    return label if label[1:2].isupper() else label[:1].lower() + label[1:]


def _compare(label: str, before: Any, after: Any) -> Iterator[Difference]:
    if isinstance(before, dict) or isinstance(after, dict):
        old, new = (value if isinstance(value, dict) else {} for value in (before, after))
        for name in {**old, **new}:
            if old.get(name) != new.get(name):
                yield from _compare(f"{label} · {_lower(label_of(str(name)))}", old.get(name), new.get(name))
    elif isinstance(before, list) or isinstance(after, list):
        old_items, new_items = _texts(before), _texts(after)
        was, is_now = set(old_items), set(new_items)
        yield Difference(
            label,
            tuple(Piece(text, KEPT if text in is_now else REMOVED) for text in old_items),
            tuple(Piece(text, KEPT if text in was else ADDED) for text in new_items),
        )
    elif any(isinstance(value, str) and "\n" in value for value in (before, after)):
        yield Difference(label, lines=tuple(_compared(_text(before).splitlines(), _text(after).splitlines())))
    else:
        yield Difference(
            label,
            tuple(Piece(text, REMOVED) for text in _texts(before)),
            tuple(Piece(text, ADDED) for text in _texts(after)),
        )


def _compared(before: list[str], after: list[str]) -> Iterator[Piece]:
    """Yield the lines of two texts, removals before additions. Long texts are not compared line by line."""
    if max(len(before), len(after)) > MOST_LINES:
        yield from (Piece(line, REMOVED) for line in before)
        yield from (Piece(line, ADDED) for line in after)
        return
    for what, old_from, old_to, new_from, new_to in SequenceMatcher(a=before, b=after).get_opcodes():
        if what == "equal":
            yield from (Piece(line) for line in before[old_from:old_to])
        else:
            yield from (Piece(line, REMOVED) for line in before[old_from:old_to])
            yield from (Piece(line, ADDED) for line in after[new_from:new_to])


def _texts(value: Any) -> list[str]:
    """Return the elements of a list, or a single value, as strings; nothing if empty."""
    values = value if isinstance(value, list) else [value]
    return [text for one in values if (text := _text(one))]


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{_lower(label_of(str(name)))}: {_text(one)}" for name, one in value.items())
    return str(value)
