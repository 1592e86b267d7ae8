"""Converts the OpenAPI document to a Postman collection (format 2.1.0), which Bruno, Insomnia and Hoppscotch import too."""

from functools import lru_cache
from typing import Any

import orjson

from core.api.references import METHODS, Json, resolve

SCHEMA = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"


@lru_cache(maxsize=2)
def collection(document: bytes, base_url: str) -> bytes:
    """Return the collection of an OpenAPI `document`: a folder for each tag, a request for each operation.

    `base_url` and `secret` are collection variables; the secret is left empty.
    """
    found: Json = orjson.loads(document)
    folders: dict[str, list[Json]] = {tag["name"]: [] for tag in found["tags"]}
    for path, item in found["paths"].items():
        for method in METHODS:
            if operation := item.get(method):
                folders.setdefault(operation["tags"][0], []).append(_request(found, path, method, operation))
    info = found["info"]
    made = {
        "info": {
            "name": info["title"],
            "description": info["description"],
            "version": info["version"],
            "schema": SCHEMA,
        },
        "auth": {"type": "bearer", "bearer": [{"key": "token", "value": "{{secret}}", "type": "string"}]},
        "variable": [{"key": "base_url", "value": base_url}, {"key": "secret", "value": ""}],
        "item": [{"name": name, "item": requests} for name, requests in folders.items() if requests],
    }
    return orjson.dumps(made, option=orjson.OPT_INDENT_2)


def _request(document: Json, path: str, method: str, operation: Json) -> Json:
    parameters = [resolve(document, each) for each in operation.get("parameters", ())]
    parts = [f":{part[1:-1]}" if part.startswith("{") else part for part in path.strip("/").split("/")]
    url: Json = {"raw": "/".join(["{{base_url}}", *parts]), "host": ["{{base_url}}"], "path": parts}
    named = [each for each in parameters if each["in"] == "path"]
    if named:
        url["variable"] = [
            {"key": each["name"], "value": "", "description": each.get("description", "")} for each in named
        ]
    optional = [each for each in parameters if each["in"] == "query"]
    if optional:
        url["query"] = [
            {"key": each["name"], "value": "", "description": each.get("description", ""), "disabled": True}
            for each in optional
        ]
    request: Json = {
        "method": method.upper(),
        "description": operation.get("description", ""),
        "header": [{"key": "Accept", "value": "application/json"}],
        "url": url,
    }
    if any(each["name"] == "Idempotency-Key" for each in parameters):
        request["header"].append({"key": "Idempotency-Key", "value": "{{$guid}}"})
    body = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if body is not None:
        request["header"].append({"key": "Content-Type", "value": "application/json"})
        request["body"] = {
            "mode": "raw",
            "raw": orjson.dumps(_example(document, body), option=orjson.OPT_INDENT_2).decode(),
            "options": {"raw": {"language": "json"}},
        }
    return {"name": operation["summary"], "request": request, "response": []}


def _example(document: Json, body: Json) -> Any:
    """Return the document's example of a request body."""
    shown: Json = next(iter(body.get("examples", {}).values()), {})
    return body.get("example", resolve(document, shown).get("value", {}))
