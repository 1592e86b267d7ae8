"""Sample events generated from the API document, for the event picker and for endpoint tests in test mode."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import orjson

from core.api import document, versions
from core.api.examples import MOMENT, example_of, public_id
from core.principal import Mode
from webhooks.catalogue import CATALOGUE, groups


def sample_object(event_type: str, *, mode: Mode) -> dict[str, Any]:
    """Return a sample of the object in events of this type. Raises KeyError for an unknown type."""
    whole = _document()
    item = whole["webhooks"][event_type]["$ref"].rpartition("/")[2]
    body = whole["components"]["pathItems"][item]["post"]["requestBody"]["content"]["application/json"]
    payload = whole["components"]["schemas"][body["schema"]["$ref"].rpartition("/")[2]]
    found: dict[str, Any] = example_of(
        whole, payload["properties"]["data"]["properties"]["object"]["anyOf"][0]
    )
    return {**found, "mode": mode} if "mode" in found else found


def sample_payload(event_type: str, *, mode: Mode) -> str:
    """Return the payload of a sample event of this type as indented JSON. Raises KeyError for an unknown type."""
    payload = {
        "id": public_id("evt"),
        "object": "event",
        "type": event_type,
        "mode": mode,
        "api_version": versions.newest().date,
        "created": MOMENT,
        "timestamp": MOMENT,
        "data": {"object": sample_object(event_type, mode=mode)},
    }
    return orjson.dumps(payload, option=orjson.OPT_INDENT_2).decode()


def described_groups() -> list[dict[str, Any]]:
    """Return the events by resource, each with its description."""
    return [
        {"resource": resource, "events": [{"type": kind, "text": CATALOGUE[kind]} for kind in kinds]}
        for resource, kinds in groups().items()
    ]


@lru_cache(maxsize=1)
def _document() -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(document.current())
    return found
