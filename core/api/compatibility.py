"""Detects changes in an OpenAPI document that break clients written for an earlier one (docs/versions.md has the rules).

Requests and responses are compared in opposite directions: a request may only require less, and a response may only contain
more. A response enum may grow where the document says so (`core.api.schema_enums.OPEN`).
"""

from collections.abc import Iterator, Mapping
from typing import Any

from core.api.references import METHODS, Json, resolve
from core.api.schema_enums import OPEN

SENT, ANSWERED = "sent", "answered"
# Documentation only: changes never break a client.
PROSE = frozenset({"description", "summary", "example", "examples", "title", "externalDocs", "links", "tags"})
# Keywords that narrow the accepted values when they increase, and those that do when they decrease.
_LOWER_BOUNDS = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_UPPER_BOUNDS = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")


def contract_of(document: Json) -> Json:
    """Return `document` without its prose: the contract that clients rely on, for later comparison.

    The mark of an open enum is kept, since it is what makes an added value compatible.
    """
    return {
        name: _bare(document[name], is_map=False)
        for name in ("openapi", "paths", "webhooks", "components")
        if name in document
    }


def _bare(node: Any, *, is_map: bool) -> Any:
    """Drop prose from `node`; the keys of a map (properties, schemas, …) are names, not keywords."""
    if isinstance(node, list):
        return [_bare(inner, is_map=False) for inner in node]
    if not isinstance(node, dict):
        return node
    maps = {"properties", "schemas", "paths", "headers", "parameters", "responses", "pathItems", "webhooks"}
    return {
        name: _bare(inner, is_map=not is_map and name in maps)
        for name, inner in node.items()
        if is_map or name not in PROSE or inner == OPEN
    }


def breaking_changes(old: Json, new: Json) -> list[str]:
    """Return a sentence for each change in `new` that breaks clients of `old`, in document order."""
    return list(dict.fromkeys(_Comparison(old, new).run()))


class _Comparison:
    """Compares two documents; remembers the pairs of schemas already compared."""

    def __init__(self, old: Json, new: Json) -> None:
        self._old, self._new = old, new
        self._compared: set[tuple[str, str, str]] = set()

    def run(self) -> Iterator[str]:
        for path, methods in self._old["paths"].items():
            for method in (name for name in methods if name in METHODS):
                where = f"{method.upper()} {path}"
                found = self._new["paths"].get(path, {}).get(method)
                if found is None:
                    yield f"{where}: the operation is gone"
                else:
                    yield from self._operation(where, methods[method], found)
        for name, item in self._old.get("webhooks", {}).items():
            found = self._new.get("webhooks", {}).get(name)
            if found is None:
                yield f"webhook {name}: it is sent no more"
                continue
            before, after = self._of_old(item)["post"], self._of_new(found)["post"]
            yield from self._content(f"webhook {name}", before, after, "requestBody", ANSWERED)
        for name in _missing(self._old["components"]["schemas"], self._new["components"]["schemas"]):
            yield f"schema {name}: it is gone, and with it the type that generators make of it"

    # --- operations ---------------------------------------------------------------------------------------------------

    def _operation(self, where: str, old: Json, new: Json) -> Iterator[str]:
        if old.get("operationId") != new.get("operationId"):
            yield f"{where}: operationId was {old.get('operationId')}, is {new.get('operationId')}"
        enough, needed = set(old.get("x-required-scopes", ())), set(new.get("x-required-scopes", ()))
        if needed and (not enough or not enough <= needed):
            lost = ", ".join(sorted(enough - needed)) or "no scope"
            yield f"{where}: {lost} was enough, and {' or '.join(sorted(needed))} is needed now"
        yield from self._parameters(where, old, new)
        if "requestBody" in old or "requestBody" in new:
            yield from self._body(where, old, new)
        for status, response in old.get("responses", {}).items():
            there = new.get("responses", {}).get(status)
            if there is None:
                if status.startswith("2"):
                    yield f"{where}: {status} is answered no more"
                continue
            before, after = self._of_old(response), self._of_new(there)
            place = f"{where} {status}"
            for name in _missing(before.get("headers", {}), after.get("headers", {})):
                yield f"{place}: the header {name} is gone"
            yield from self._media(place, before.get("content", {}), after.get("content", {}), ANSWERED)

    def _parameters(self, where: str, old: Json, new: Json) -> Iterator[str]:
        before = {(each["in"], each["name"]): each for each in map(self._of_old, old.get("parameters", ()))}
        after = {(each["in"], each["name"]): each for each in map(self._of_new, new.get("parameters", ()))}
        for key, parameter in before.items():
            place = f"{where} {key[0]} parameter {key[1]}"
            if key not in after:
                yield f"{place}: it is taken no more"
                continue
            if after[key].get("required") and not parameter.get("required"):
                yield f"{place}: it is required now"
            yield from self._schema(place, parameter.get("schema", {}), after[key].get("schema", {}), SENT)
        for key in _missing(after, before):
            if after[key].get("required"):
                yield f"{where} {key[0]} parameter {key[1]}: it is new and required"

    def _body(self, where: str, old: Json, new: Json) -> Iterator[str]:
        if "requestBody" not in old:
            if self._of_new(new["requestBody"]).get("required"):
                yield f"{where}: a body is required now"
        elif "requestBody" not in new:
            yield f"{where}: no body is taken any more"
        else:
            yield from self._content(where, old, new, "requestBody", SENT)

    def _content(self, where: str, old: Json, new: Json, name: str, way: str) -> Iterator[str]:
        before, after = self._of_old(old.get(name, {})), self._of_new(new.get(name, {}))
        yield from self._media(where, before.get("content", {}), after.get("content", {}), way)

    def _media(self, where: str, old: Json, new: Json, way: str) -> Iterator[str]:
        for media_type, content in old.items():
            if media_type not in new:
                yield f"{where}: {media_type} is gone"
                continue
            yield from self._schema(where, content.get("schema", {}), new[media_type].get("schema", {}), way)

    # --- schemas ------------------------------------------------------------------------------------------------------

    def _schema(self, where: str, old: Any, new: Any, way: str) -> Iterator[str]:
        if not isinstance(old, dict) or not isinstance(new, dict):
            return
        names = (old.get("$ref", ""), new.get("$ref", ""), way)
        if names[0] and names[1]:
            if names in self._compared:
                return
            self._compared.add(names)
            where = names[0].rpartition("/")[2] + f" ({way})"
        old, new = self._of_old(old), self._of_new(new)
        yield from self._types(where, old, new, way)
        yield from self._values(where, old, new, way)
        yield from self._bounds(where, old, new, way)
        yield from self._members(where, old, new, way)
        for name in ("items", "additionalProperties"):
            if isinstance(old.get(name), dict) and isinstance(new.get(name), dict):
                yield from self._schema(f"{where}[]", old[name], new[name], way)
        for name in ("oneOf", "anyOf", "allOf"):
            yield from self._alternatives(where, old.get(name, []), new.get(name, []), name, way)

    def _types(self, where: str, old: Json, new: Json, way: str) -> Iterator[str]:
        before, after = _types_of(old), _types_of(new)
        if before and after and not (before <= after if way == SENT else after <= before):
            yield f"{where}: its type was {_join_sorted(before)}, is {_join_sorted(after)}"
        if old.get("format") != new.get("format") and {"format"} & (old.keys() | new.keys()):
            yield f"{where}: its format was {old.get('format')}, is {new.get('format')}"
        if old.get("const") != new.get("const"):
            yield f"{where}: it was always {old.get('const')!r}, is {new.get('const')!r}"

    def _values(self, where: str, old: Json, new: Json, way: str) -> Iterator[str]:
        if "enum" not in old and "enum" not in new:
            return
        before, after = set(map(str, old.get("enum", ()))), set(map(str, new.get("enum", ())))
        if way == SENT:
            lost = before - after if "enum" in old else {"any other value"}
            if "enum" in new and lost:
                yield f"{where}: {_join_sorted(lost)} is taken no more"
        elif "enum" in old and old.get("description") != OPEN:
            more = after - before if "enum" in new else {"any value"}
            if more:
                yield f"{where}: {_join_sorted(more)} may be answered now, and the document did not say that more may come"

    def _bounds(self, where: str, old: Json, new: Json, way: str) -> Iterator[str]:
        if way != SENT:
            return
        for name in _LOWER_BOUNDS:
            if name in new and (name not in old or new[name] > old[name]):
                yield f"{where}: {name} was {old.get(name)}, is {new[name]}"
        for name in _UPPER_BOUNDS:
            if name in new and (name not in old or new[name] < old[name]):
                yield f"{where}: {name} was {old.get(name)}, is {new[name]}"
        if "pattern" in new and new["pattern"] != old.get("pattern"):
            yield f"{where}: its pattern was {old.get('pattern')}, is {new['pattern']}"

    def _members(self, where: str, old: Json, new: Json, way: str) -> Iterator[str]:
        before, after = old.get("properties", {}), new.get("properties", {})
        required, needed = set(old.get("required", ())), set(new.get("required", ()))
        for name, schema in before.items():
            place = f"{where}.{name}"
            if name not in after:
                yield f"{place}: it is {'taken no more' if way == SENT else 'gone'}"
                continue
            yield from self._schema(place, schema, after[name], way)
        if way == SENT:
            for name in sorted(needed - required):
                yield f"{where}.{name}: it is required now"
        else:
            for name in sorted((required - needed) & after.keys()):
                yield f"{where}.{name}: it may be left out now"

    def _alternatives(
        self, where: str, old: list[Json], new: list[Json], name: str, way: str
    ) -> Iterator[str]:
        if name == "allOf" or len(old) == len(new):
            for before, after in zip(old, new, strict=False):
                yield from self._schema(where, before, after, way)
        if old and new and len(new) < len(old) and way == SENT:
            yield f"{where}: {name} has fewer alternatives"
        if old and new and len(new) > len(old) and way == ANSWERED and name != "allOf":
            yield f"{where}: {name} has more alternatives"

    # --- references ---------------------------------------------------------------------------------------------------

    def _of_old(self, node: Json) -> Json:
        return resolve(self._old, node)

    def _of_new(self, node: Json) -> Json:
        return resolve(self._new, node)


def _missing(here: Mapping[Any, object], there: Mapping[Any, object]) -> list[Any]:
    """Return the keys that `there` lacks, in the order of `here`."""
    return [key for key in here if key not in there]


def _types_of(schema: Json) -> set[str]:
    found = schema.get("type", [])
    types = {found} if isinstance(found, str) else set(found)
    for name in ("oneOf", "anyOf"):
        for each in schema.get(name, ()):
            types |= _types_of(each)
    # An integer is a number too.
    return types | ({"integer"} if "number" in types else set())


def _join_sorted(values: set[str]) -> str:
    return ", ".join(sorted(values))
