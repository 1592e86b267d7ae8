"""Search for keys by Client ID, by exact name, or by the part of a secret that pages show."""

from collections.abc import Collection, Iterator

from django.urls import reverse

from apikeys.keys import LOCATOR_LENGTH, MODES
from apikeys.models import ApiKey, ApiKeySecret
from core.postgres.orders import NEWEST
from core.ui.finding import Found, Named, by_identifier, name_rows


def find(text: str) -> Iterator[Found]:
    """Yield the keys that match `text`. Of a whole secret only the locator is used."""
    yield from by_identifier(text, {ApiKey: ("API key", _page_of)})
    for mode in MODES:
        prefix = f"pm_{mode}_"
        if text.startswith(prefix):
            locator = text.removeprefix(prefix)[:LOCATOR_LENGTH]
            for secret in ApiKeySecret.objects.filter(locator=locator).select_related("key"):
                yield Found(secret.key, "API key", secret.key.name, _page_of(secret.key))
            return
    for key in ApiKey.objects.filter(name=text).order_by(NEWEST)[:10]:
        yield Found(key, "API key", key.name, _page_of(key))


def name(identifiers: Collection[str]) -> Iterator[tuple[str, Named]]:
    """Yield the names of keys."""
    yield from name_rows(identifiers, {ApiKey: (lambda key: key.name, _page_of)})


def _page_of(key: ApiKey) -> str:
    return reverse("apikeys:detail", args=[key.public_id])
