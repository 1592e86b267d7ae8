"""Strict JSON (RFC 8259, restricted as RFC 7493 advises): one parser for all bodies, and one canonical form for all values."""

import json
from typing import Any

import orjson

from core.api.errors import InvalidRequest

# Deeper than any body in the API. Without it, each library would hit its own, higher limit.
MAX_DEPTH = 12
# Every integer up to this one is exactly representable as a double, so `5.0` is still the number that was meant
# (RFC 7493 §2.2).
MAX_SAFE_INTEGER = 2**53 - 1


def parse_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object in `body`.

    Raises InvalidRequest for anything that is not a JSON object, is nested too deeply, or has a duplicate name, which parsers
    resolve differently.
    """
    try:
        data = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidRequest(f"The body is not valid JSON: {error}.") from error
    if not isinstance(data, dict):
        raise InvalidRequest("The body must be a JSON object.")
    names = _count_names(data)
    # Each name is followed by one colon. Additional ones are inside strings, or a name was sent twice.
    if body.count(b":") > names:
        try:
            json.loads(body, object_pairs_hook=_refuse_twice)
        except RecursionError as error:
            raise InvalidRequest(_TOO_DEEP) from error
    return data


_TOO_DEEP = f"The body is nested deeper than {MAX_DEPTH} levels."


def _count_names(data: Any) -> int:
    """Count the names in all objects of `data`. Raises InvalidRequest when it is nested too deeply."""
    names, level = 0, [data]
    for _ in range(MAX_DEPTH):
        inner: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                names += len(value)
                inner += [one for one in value.values() if isinstance(one, (dict, list))]
            else:
                inner += [one for one in value if isinstance(one, (dict, list))]
        if not inner:
            return names
        level = inner
    raise InvalidRequest(_TOO_DEEP)


def _refuse_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise InvalidRequest(f"The name {twice[:100]!r} appears twice in one object.")
    return found


def canonical(data: Any) -> bytes:
    """Return the canonical form of `data`: names sorted, and integers equal however they were written."""
    return orjson.dumps(_whole_numbers(data), option=orjson.OPT_SORT_KEYS)


def _whole_numbers(value: Any) -> Any:
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) <= MAX_SAFE_INTEGER else value
    if isinstance(value, dict):
        return {name: _whole_numbers(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_whole_numbers(inner) for inner in value]
    return value
