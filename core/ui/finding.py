"""Finding anything by what a person has in hand: an identifier, an address, an invoice's number, the visible part of a secret.

Every app says by its `PomeloApp.finders` what it can find. A finder is asked inside a tenant, and then sees that tenant's rows
only, or inside `system_context`, for staff. It looks exact values up by an index and scans nothing.
"""

import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Model
from django.utils.module_loading import import_string

from core.resources import pomelo_apps
from core.values import ids

# What is longer is no identifier, no address and no number of anything.
LONGEST_SOUGHT = 254


@dataclass(frozen=True, slots=True)
class Found:
    """One thing that fits: the row, what it is (`Customer`), what it is called, and its page in the dashboard."""

    row: Model
    kind: str
    title: str
    path: str


@dataclass(frozen=True, slots=True)
class Named:
    """What an object is called where it is spoken of, and the address of its page; empty when it has none."""

    title: str
    path: str = ""


Finder = Callable[[str], Iterable[Found]]
Namer = Callable[[Collection[str]], Iterable[tuple[str, Named]]]


def find(text: str) -> Iterator[Found]:
    """Yield what the installed apps know by `text`, in the current tenant or, inside `system_context`, everywhere."""
    sought = text.strip()
    if not sought or len(sought) > LONGEST_SOUGHT or "\x00" in sought:
        return
    for app in pomelo_apps():
        for path in app.finders:
            finder: Finder = import_string(path)
            yield from finder(sought)


def names_of(identifiers: Collection[str]) -> dict[str, Named]:
    """Return what the installed apps call these objects, in the current tenant; what is gone, or nobody's, is left out.

    A statement for each kind of object, however many there are.
    """
    found: dict[str, Named] = {}
    if identifiers:
        for app in pomelo_apps():
            for path in app.namers:
                namer: Namer = import_string(path)
                found.update(namer(identifiers))
    return found


def identifier_in(text: str) -> tuple[str, uuid.UUID] | None:
    """Return the prefix and the UUID of the identifier that `text` is (`cus_01h…`), or None when it is none."""
    prefix = text.rpartition("_")[0]
    try:
        return prefix, ids.decode(prefix, text)
    except ids.InvalidId:
        return None


def name_rows(
    identifiers: Collection[str],
    pages: Mapping[Any, tuple[Callable[[Any], str] | None, Callable[[Any], str] | None]],
) -> Iterator[tuple[str, Named]]:
    """Yield the names of those of `identifiers` that are rows of these models: what a namer usually has to say.

    `pages` has for each model (a class) the functions that return what a row is called, and the address of its page. Without
    the first it is called by its identifier. What is only marked as deleted has no page.
    """
    known: dict[str, list[uuid.UUID]] = {}
    for text in identifiers:
        if (one := identifier_in(text)) is not None:
            known.setdefault(one[0], []).append(one[1])
    for model, (title_of, page_of) in pages.items():
        wanted = known.get(getattr(model, "id_prefix", ""), [])
        if not wanted:
            continue
        for row in model._default_manager.filter(pk__in=wanted):  # noqa: SLF001 - Django documents it
            is_gone = getattr(row, "deleted_at", None) is not None
            title = title_of(row) if title_of else ""
            path = page_of(row) if page_of and not is_gone else ""
            yield row.public_id, Named(title or row.public_id, path)


def by_identifier(text: str, pages: Mapping[Any, tuple[str, Callable[[Any], str]]]) -> Iterator[Found]:
    """Yield the row of one of these models whose identifier `text` is: the most that a finder usually has to say.

    `pages` has for each model (a class) what it is called and the function that returns the address of a row's page.
    """
    known = identifier_in(text)
    if known is None:
        return
    for model, (kind, page_of) in pages.items():
        if getattr(model, "id_prefix", None) != known[0]:
            continue
        row = model._default_manager.filter(pk=known[1]).first()  # noqa: SLF001 - Django documents it
        if row is not None:
            yield Found(row, kind, str(row), page_of(row))
