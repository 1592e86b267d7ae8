"""Search in webhooks: endpoints, deliveries and attempts by id, endpoints by URL, events by their deliveries."""

from collections.abc import Collection, Iterator
from typing import Any

from django.urls import reverse

from core.ui.finding import Found, Named, by_identifier, identifier_in, name_rows
from webhooks.models import Attempt, Delivery, Endpoint


def find(text: str) -> Iterator[Found]:
    """Yield the matches of `text`. An attempt leads to its delivery, an event to each of its deliveries."""
    for found in by_identifier(text, PAGES):
        if not isinstance(found.row, Endpoint) or found.row.deleted_at is None:
            yield found
    known = identifier_in(text)
    if known and known[0] == "evt":
        for delivery in Delivery.objects.filter(event_id=known[1])[:10]:
            yield Found(delivery, "Delivery", str(delivery), _delivery(delivery))
    if text.startswith(("https://", "http://")):
        for endpoint in Endpoint.objects.filter(url=text, deleted_at=None)[:10]:
            yield Found(endpoint, "Webhook endpoint", endpoint.url, _endpoint(endpoint))


def name(identifiers: Collection[str]) -> Iterator[tuple[str, Named]]:
    """Yield names: an endpoint's URL, a delivery's id."""
    yield from name_rows(
        identifiers, {Endpoint: (lambda row: row.url, _endpoint), Delivery: (None, _delivery)}
    )


def _endpoint(row: Any) -> str:
    return reverse("webhooks:detail", args=[row.public_id])


def _delivery(row: Any) -> str:
    return reverse("webhooks:delivery", args=[row.public_id])


PAGES = {
    Endpoint: ("Webhook endpoint", _endpoint),
    Delivery: ("Delivery", _delivery),
    Attempt: ("Attempt", lambda row: _delivery(row.delivery)),
}
