"""Helpers for reading an OpenAPI document: the methods of a path, and resolving references."""

from typing import Any

Json = dict[str, Any]

METHODS = ("get", "post", "put", "patch", "delete")


def resolve(document: Json, node: Json) -> Json:
    """Return `node` with its `$ref` (a JSON Pointer into `document`, RFC 6901) resolved, through any number of references."""
    while "$ref" in node:
        target: Any = document
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part.replace("~1", "/").replace("~0", "~")]
        node = target
    return node
