"""A delivery's request as shown to people who compare it with what their receiver got."""

from __future__ import annotations

from dataclasses import dataclass

import orjson

from core.security import crypto
from core.values import ids
from webhooks.models import Delivery, EventBody
from webhooks.versions import body_in

HIDDEN = "•••"


@dataclass(frozen=True, slots=True)
class ShownRequest:
    """The headers (custom values hidden, without the signature) and the body as indented text."""

    headers: list[tuple[str, str]]
    body: str


def shown_request(delivery: Delivery) -> ShownRequest:
    """Return the request of every attempt of `delivery`, without its timestamp and signature."""
    custom = orjson.loads(crypto.decrypt(bytes(delivery.endpoint.headers)))
    body = EventBody.objects.filter(event_id=delivery.event_id).values_list("body", flat=True).first()
    text = ""
    if body:
        shown = body_in(delivery.endpoint.api_version, bytes(body))
        text = orjson.dumps(orjson.loads(shown), option=orjson.OPT_INDENT_2).decode()
    headers = [
        *((name, HIDDEN) for name in custom),
        ("Content-Type", "application/json"),
        ("webhook-id", ids.encode("evt", delivery.event_id)),
        ("webhook-timestamp", "the second of the attempt"),
        ("webhook-signature", "v1,…"),
    ]
    return ShownRequest(headers, text)
