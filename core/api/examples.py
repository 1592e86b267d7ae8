"""Builds complete examples of requests and responses for the OpenAPI document from its schemas.

So an example never shows a field that is gone, nor leaves out one that is required; a test validates each against its schema.
What a field shows, an app says in the module that `examples` of its AppConfig names: `EXAMPLES`, by schema and field or, where
one name means one thing, by the field alone, and `LEFT_OUT`, the fields (named alike) that the example of a request does without. What is
said of `Customer.email` holds for `CustomerInput` and `PatchedCustomerInput` too, unless they say otherwise.
"""

import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from typing import Any

from core.resources import OBJECT_PREFIXES, pomelo_apps

Json = dict[str, Any]

MOMENT = "2026-01-31T12:00:00.000000Z"
# What a text shows of which nothing is known.
_MADE_UP = "example"
_SUFFIX = "01kq3v0c8kf1evq0z7g3x2m9ta"


def public_id(prefix: str) -> str:
    """Return an identifier with `prefix` for an example."""
    return f"{prefix}_{_SUFFIX}"


@cache
def _examples() -> tuple[Json, frozenset[str]]:
    """Return the apps' example values and omitted fields. Raises ValueError for a field that two apps define."""
    values: Json = {}
    left_out: set[str] = set()
    for app in pomelo_apps():
        if app.examples:
            module = import_module(app.examples)
            if twice := values.keys() & module.EXAMPLES.keys():
                raise ValueError(f"{app.examples} repeats examples of {', '.join(sorted(twice))}.")
            values |= module.EXAMPLES
            left_out |= set(getattr(module, "LEFT_OUT", ()))
    return values, frozenset(left_out)


def add_examples(result: Json, generator: Any, request: Any, public: bool) -> Json:
    """Post-processing hook: add an example to every JSON request body and to successful responses."""
    for methods in result["paths"].values():
        for operation in methods.values():
            bodies = [(operation.get("requestBody", {}), True)]
            bodies += [
                (response, False) for status, response in operation["responses"].items() if status < "3"
            ]
            for body, is_request in bodies:
                for media_type, content in body.get("content", {}).items():
                    if media_type == "application/json":
                        _Builder(result, is_request=is_request).describe(content)
    return result


def example_of(document: Json, schema: Json) -> Any:
    """Return an example for `schema`, a response schema of the API `document`."""
    return _Builder(document, is_request=False).build(schema)


def ids_without_example(node: Any, place: str = "") -> Iterator[str]:
    """Yield where `node`, a part of the document, shows an object whose `id` is made up, as nothing says what it looks like."""
    if isinstance(node, dict):
        if node.get("id") == _MADE_UP:
            yield place
        for name, inner in node.items():
            yield from ids_without_example(inner, f"{place} {name}".lstrip())
    elif isinstance(node, list):
        for inner in node:
            yield from ids_without_example(inner, place)


class _Builder:
    """Builds the examples of one body."""

    def __init__(self, document: Json, *, is_request: bool) -> None:
        self._schemas: Json = document["components"]["schemas"]
        self._is_request = is_request

    def describe(self, content: Json) -> None:
        """Add one example to `content`, or one for each variant, named after it."""
        schema = content["schema"]
        whole = self._schemas[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
        if "discriminator" in whole:
            content["examples"] = {
                name: {"value": self.build({"$ref": target})}
                for name, target in whole["discriminator"]["mapping"].items()
            }
        else:
            content["example"] = self.build(schema)

    def build(self, schema: Json, owner: str = "", name: str = "") -> Any:
        """Return an example of `schema`, which is that of the field `name` of the schema `owner`."""
        if "$ref" in schema:
            owner = schema["$ref"].rpartition("/")[2]
            return self.build(self._schemas[owner], owner)
        values, _ = _examples()
        for known in _keys(owner, name):
            if known in values and not (self._is_request and known == name and "examples" in schema):
                return values[known]
        if "examples" in schema:
            return schema["examples"][0]
        if "enum" in schema:
            return schema["enum"][0]
        if "oneOf" in schema:
            return self.build(schema["oneOf"][0], owner, name)
        kinds = schema.get("type", "object")
        if "null" in kinds and not self._is_request:
            return None
        kind = kinds if isinstance(kinds, str) else kinds[0]
        if kind == "object":
            return self._build_object(schema, owner)
        if kind == "array":
            return [self.build(schema["items"], owner, name)]
        if kind == "string":
            return self._text(schema, owner, name)
        return {"integer": max(0, schema.get("minimum", 0)), "number": 12.5, "boolean": True}[kind]

    def _text(self, schema: Json, owner: str, name: str) -> str:
        if schema.get("format") == "date-time":
            return MOMENT
        if schema.get("format") == "date":
            return MOMENT[:10]
        prefix = re.match(r"\^([a-z]+)_\[0-7]", schema.get("pattern", ""))
        if prefix:
            return public_id(prefix[1])
        if name == "object":
            return re.sub(r"(?<!^)(?=[A-Z])", "_", owner).lower()
        if name == "id" and owner in self._schemas:
            kind = self.build(self._schemas[owner].get("properties", {}).get("object", {}), owner, "object")
            if isinstance(kind, str) and kind in OBJECT_PREFIXES:
                return public_id(OBJECT_PREFIXES[kind])
        return _MADE_UP

    def _build_object(self, schema: Json, owner: str) -> Json:
        required = schema.get("required", ())
        return {
            name: self.build(inner, owner, name)
            for name, inner in schema.get("properties", {}).items()
            if name in required or not _examples()[1] & {name, f"{owner}.{name}"} or not self._is_request
        }


def _keys(owner: str, name: str) -> Iterator[str]:
    """Yield the keys to look up a value for the field `name` of the schema `owner`, most specific first."""
    yield f"{owner}.{name}"
    if owner.endswith("Input"):
        whole = owner.removeprefix("Patched")
        yield f"{whole}.{name}"
        yield f"{whole.removesuffix('Input')}.{name}"
    yield name
