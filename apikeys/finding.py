"""Search for keys by Client ID, by exact name, or by the part of a secret that pages show."""

from collections.abc import Collection, Iterator

from django.urls import reverse

from apikeys.keys import parse_shown
from apikeys.models import ApiKey, ApiKeySecret
from apikeys.selectors import shown_as
from core.postgres.orders import NEWEST
from core.ui.finding import Found, Named, by_identifier, name_rows

MOST_FOUND = 10


def find(text: str) -> Iterator[Found]:
    """Yield the keys that match `text`. Of a whole secret only the part that pages show is used."""
    yield from by_identifier(text, {ApiKey: ("API key", _page_of)})
    if (shown := parse_shown(text)) is not None:
        secrets = ApiKeySecret.objects.filter(shown_as(shown)).select_related("key").order_by("locator")
        for secret in secrets[:MOST_FOUND]:
            yield Found(secret.key, "API key", secret.key.name, _page_of(secret.key))
        return
    for key in ApiKey.objects.filter(name=text).order_by(NEWEST)[:MOST_FOUND]:
        yield Found(key, "API key", key.name, _page_of(key))


def name(identifiers: Collection[str]) -> Iterator[tuple[str, Named]]:
    """Yield the names of keys."""
    yield from name_rows(identifiers, {ApiKey: (lambda key: key.name, _page_of)})


def _page_of(key: ApiKey) -> str:
    return reverse("apikeys:detail", args=[key.public_id])
