"""The `webhooks` section of the OpenAPI document: the payload of each event type, from the event registry (OpenAPI 3.1 §4.1).

Each payload is the response of `GET /v1/events/{id}` with a specific object type. A client generated from the document has a
type for each event; code that handles any event uses `Event`.
"""

from __future__ import annotations

from typing import Any

from django.utils.module_loading import import_string
from drf_spectacular.plumbing import build_mocked_view
from drf_spectacular.utils import extend_schema
from inflection import camelize

from core.api import schema_components as shared
from core.resources import ID_PREFIXES, list_resources
from webhooks.catalogue import CATALOGUE, TEST_EVENT

Json = dict[str, Any]

THIN = "ThinObject"
# A separate tag: generators write one file per tag, and the one with the endpoints' operations would be overwritten.
TAG = "webhooks"
_TEXT = {"type": "string"}
_MOMENT = {"type": "string", "format": "date-time"}
_HEADERS: list[Json] = [
    {
        "name": "webhook-id",
        "in": "header",
        "required": True,
        "description": "The event's `id`, the same in every attempt: skip what you have handled",
        "schema": shared.id_schema("evt"),
    },
    {
        "name": "webhook-timestamp",
        "in": "header",
        "required": True,
        "description": "When this attempt was made, in seconds since 1970",
        "schema": {"type": "string", "pattern": "^[0-9]+$"},
    },
    {
        "name": "webhook-signature",
        "in": "header",
        "required": True,
        "description": "`v1,` and the base64 of HMAC-SHA256; several, separated by spaces, while a secret is being rotated",
        "schema": {"type": "string", "pattern": "^v1,"},
    },
]


def add_payloads(result: Json, generator: Any, request: Any, public: bool) -> Json:
    """Post-processing hook: describe the payload of every event type. Runs before the hook that names enums."""
    schemas: Json = result["components"]["schemas"]
    objects = {
        resource.object: _component(resource.object, resource.payload, schemas, generator)
        for resource in list_resources()
    }
    schemas[THIN] = _thin_object()
    schemas["WebhookTest"] = _test_object()
    objects[TEST_EVENT.partition(".")[0]] = "WebhookTest"
    # `webhooks` refers to separate path items: from inline ones openapi-generator 7.26 generates operations with untyped
    # parameters and imports, and neither its Python nor its TypeScript would compile.
    items: Json = result["components"].setdefault("pathItems", {})
    webhooks: Json = {}
    for kind, text in {**CATALOGUE, TEST_EVENT: "Someone sent a test to this endpoint."}.items():
        name = camelize(kind.replace(".", "_")) + "Event"
        schemas[name] = _payload(kind, text, objects[kind.partition(".")[0]])
        operation = _operation(kind, text, name)
        items[operation["operationId"]] = {"post": operation}
        webhooks[kind] = {"$ref": f"#/components/pathItems/{operation['operationId']}"}
    result["webhooks"] = webhooks
    return result


def _component(kind: str, payload: str, schemas: Json, generator: Any) -> str:
    """Return the component name for objects of a kind. If no endpoint defines one, it is derived from `payload`."""
    if not payload:
        return camelize(kind)
    view = build_mocked_view("POST", "/v1/events", extend_schema(), generator.registry)
    component = view.schema.resolve_serializer(import_string(payload)(), "response")
    schemas[component.name] = component.schema
    return str(component.name)


def _payload(kind: str, text: str, component: str) -> Json:
    thin_or_whole = {
        "anyOf": [{"$ref": f"#/components/schemas/{component}"}, {"$ref": f"#/components/schemas/{THIN}"}]
    }
    return {
        "type": "object",
        "description": text,
        "required": ["id", "object", "type", "mode", "api_version", "created", "timestamp", "data"],
        "properties": {
            "id": shared.id_schema(ID_PREFIXES["events"]),
            "object": {"type": "string", "enum": ["event"]},
            "type": {"type": "string", "enum": [kind]},
            "mode": {"type": "string", "enum": ["live", "test"]},
            "api_version": {**_TEXT, "description": "The version of the API that `data` is of"},
            "created": _MOMENT,
            "timestamp": {**_MOMENT, "description": "The same as `created`"},
            "data": {
                "type": "object",
                "required": ["object"],
                "properties": {
                    "object": thin_or_whole,
                    "previous": {
                        "type": "object",
                        "additionalProperties": {},
                        "description": "The fields that changed, as they were before",
                    },
                    "thin": {"type": "boolean", "description": "The object is too large: read it at `url`"},
                    "url": {**_TEXT, "description": "With `thin`: where to read the whole event"},
                },
            },
        },
    }


def _thin_object() -> Json:
    return {
        "type": "object",
        "description": "A placeholder for an object that is too large to be sent.",
        "required": ["id", "object"],
        "properties": {"id": _TEXT, "object": _TEXT},
        "additionalProperties": False,
    }


def _test_object() -> Json:
    return {
        "type": "object",
        "description": "The payload of an endpoint's test.",
        "required": ["id", "object", "message"],
        "properties": {
            "id": shared.id_schema(ID_PREFIXES["webhook_endpoints"]),
            "object": {"type": "string", "enum": ["webhook_test"]},
            "message": _TEXT,
        },
    }


def _operation(kind: str, text: str, component: str) -> Json:
    return {
        "operationId": f"on_{kind.replace('.', '_')}",
        "summary": text.partition(". ")[0].rstrip("."),
        "description": f"{text}\n\nSigned as Standard Webhooks describes it.",
        "tags": [TAG],
        "security": [],
        "parameters": _HEADERS,
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{component}"}}},
        },
        "responses": {
            "2XX": {"description": "Received. Any other response, or none within 15 seconds, is retried."}
        },
    }
