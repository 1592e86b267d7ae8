"""Names every enum in the OpenAPI document, so that each becomes a single type in generated clients.

Otherwise generators invent a name per occurrence: `CustomerMode`, `InvoiceMode` and fourteen more types for `live` and `test`.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from inflection import camelize

Json = dict[str, Any]
Values = tuple[str, ...]

OPEN = "New values may be added without a new version of the API: treat one that you do not know as you treat an unknown."
# Names one enum by itself, where others with the same values have another name.
ENUM_NAME = "x-enum-name"
_names: dict[Values, str] = {}


class UnnamedEnum(ValueError):
    """An enum shared by several objects has no name; call `name_values` next to its definition."""


def name_values(name: str, values: Iterable[str]) -> None:
    """Use `name` for the enum of exactly these values throughout the document.

    An enum used by only one object needs no call: it is named after the object and the field, `InvoiceStatus`.
    """
    _names[tuple(values)] = name


def add_value_components(document: Json) -> None:
    """Replace each enum of two or more values, in place, by a reference to a named component.

    A single value (`object`, a discriminator) is a constant and stays where it is. Raises UnnamedEnum.
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
        if (found := place.get(ENUM_NAME) or names.get(_values(place))) is not None:
            schemas.setdefault(found, {"type": "string", "enum": list(_values(place)), "description": OPEN})
            _refer(place, found)


def _only(found: set[str], values: Values) -> str:
    if len(found) > 1:
        raise UnnamedEnum(
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
    """Yield every schema with an enum inside `node`."""
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
