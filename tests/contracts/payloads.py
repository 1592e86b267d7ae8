"""Whether an event is what the `webhooks` section of the OpenAPI document says of its type."""

import json
from typing import Any

from jsonschema import Draft202012Validator

from core.api import document

DOCUMENT = json.loads(document.current())


def payload_of(kind: str) -> dict[str, Any]:
    """Return the schema of what is sent for events of a type: a reference. Raises KeyError for one that is not there."""
    item = DOCUMENT["components"]["pathItems"][DOCUMENT["webhooks"][kind]["$ref"].rpartition("/")[2]]
    schema: dict[str, Any] = item["post"]["requestBody"]["content"]["application/json"]["schema"]
    return schema


def problems_of_event(event: dict[str, Any]) -> list[str]:
    """Return what is wrong with `event`; raises KeyError for a type that the document does not know."""
    schema = payload_of(event["type"])
    # The document's components, where each `$ref` leads, come along.
    whole = {"components": DOCUMENT["components"], "allOf": [schema]}
    validator = Draft202012Validator(whole, format_checker=Draft202012Validator.FORMAT_CHECKER)
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(event)]
