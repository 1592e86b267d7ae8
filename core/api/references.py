"""Reading an OpenAPI document: the methods a path may have, and what a reference in it stands for."""

from typing import Any

Json = dict[str, Any]

METHODS = ("get", "post", "put", "patch", "delete")


def resolve(document: Json, node: Json) -> Json:
    """Return `node`, or what it refers to in `document` (`$ref`, a JSON Pointer: RFC 6901), through any number of references."""
    while "$ref" in node:
        target: Any = document
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part.replace("~1", "/").replace("~0", "~")]
        node = target
    return node
