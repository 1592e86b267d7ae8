"""Gives every set of values in the OpenAPI document a name, so that each becomes one type of a generated client.

Without it a generator makes up a name a place: `CustomerMode`, `InvoiceMode` and fourteen more types for `live` and `test`.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from inflection import camelize

Json = dict[str, Any]
Values = tuple[str, ...]

OPEN = "New values may be added without a new version of the API: treat one that you do not know as you treat an unknown."
_names: dict[Values, str] = {}


class UnnamedValues(ValueError):
    """Values that several objects share have no name; say `name_values` beside where they are defined."""


def name_values(name: str, values: Iterable[str]) -> None:
    """Call the set of exactly these values `name` wherever the document shows it.

    Values that only one object has need no call: they are named after the object and the field, `InvoiceStatus`.
    """
    _names[tuple(values)] = name


def add_value_components(document: Json) -> None:
    """Replace, in place, each set of two or more values by a reference to a component that names it.

    A single value (`object`, a discriminator) is a constant and stays where it is. Raises UnnamedValues.
    """
    schemas: Json = document["components"]["schemas"]
    owners: defaultdict[Values, set[str]] = defaultdict(set)
    for owner, field, schema in _fields(schemas):
        owners[_values(schema)].add(camelize(owner.removeprefix("Patched")) + camelize(field))
    names = {values: _names.get(values) or _only(fields, values) for values, fields in owners.items()}
    in_paths = {_values(place) for place in _places(document["paths"])}
    names |= {values: known for values, known in _names.items() if values in in_paths}
    for values, name in names.items():
        schemas[name] = {"type": "string", "enum": list(values), "description": OPEN}
    for place in list(_places(document["paths"])) + [schema for _, _, schema in _fields(schemas)]:
        if (found := names.get(_values(place))) is not None:
            _refer(place, found)


def _only(found: set[str], values: Values) -> str:
    if len(found) > 1:
        raise UnnamedValues(
            f"{', '.join(sorted(found))} share {list(values)}: give them a name by name_values()."
        )
    (name,) = found
    return name


def _values(schema: Json) -> Values:
    return tuple(value for value in schema["enum"] if value is not None)


def _is_set(node: Any) -> bool:
    return isinstance(node, dict) and isinstance(node.get("enum"), list) and len(_values(node)) > 1


def _fields(schemas: Json) -> Iterator[tuple[str, str, Json]]:
    for owner, schema in list(schemas.items()):
        for field, found in schema.get("properties", {}).items():
            for place in _places(found):
                yield owner, field, place


def _places(node: Any) -> Iterator[Json]:
    """Yield every schema inside `node` that lists values."""
    if _is_set(node):
        yield node
    elif isinstance(node, dict):
        for inner in node.values():
            yield from _places(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from _places(inner)


def _refer(schema: Json, name: str) -> None:
    reference = {"$ref": f"#/components/schemas/{name}"}
    nullable = None in schema["enum"]
    kept = {key: value for key, value in schema.items() if key in ("description", "default")}
    schema.clear()
    schema.update({**kept, "oneOf": [reference, {"type": "null"}]} if nullable else {**reference, **kept})
