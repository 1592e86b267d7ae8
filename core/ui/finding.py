"""Global search by exact value: an ID, an email address, an invoice number, the visible part of a secret.

Each app registers its finders in `PomeloApp.finders`. A finder runs inside a tenant, where it sees only that tenant's rows, or,
for staff, inside `system_context`. It looks up exact values through indexes and never scans.
"""

import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Model
from django.utils.module_loading import import_string
from django.utils.text import capfirst

from core.resources import pomelo_apps
from core.values import ids

# Longer text cannot be an ID, an address or a number.
LONGEST_SOUGHT = 254


@dataclass(frozen=True, slots=True)
class Found:
    """A match: the row, its type (`Customer`), its name, and the URL of its dashboard page."""

    row: Model
    kind: str
    title: str
    path: str


@dataclass(frozen=True, slots=True)
class Named:
    """An object's display name, the URL of its page, which is empty if it has none, and its type."""

    title: str
    path: str = ""
    kind: str = ""


Finder = Callable[[str], Iterable[Found]]
Namer = Callable[[Collection[str]], Iterable[tuple[str, Named]]]


def find(text: str) -> Iterator[Found]:
    """Yield the matches for `text` in all installed apps, in the current tenant or, inside `system_context`, in all tenants."""
    sought = text.strip()
    if not sought or len(sought) > LONGEST_SOUGHT or "\x00" in sought:
        return
    for app in pomelo_apps():
        for path in app.finders:
            finder: Finder = import_string(path)
            yield from finder(sought)


def names_of(identifiers: Collection[str]) -> dict[str, Named]:
    """Return the display names of objects in the current tenant by ID, without deleted and unknown ones.

    Executes one query per type of object.
    """
    found: dict[str, Named] = {}
    if identifiers:
        for app in pomelo_apps():
            for path in app.namers:
                namer: Namer = import_string(path)
                found.update(namer(identifiers))
    return found


def identifier_in(text: str) -> tuple[str, uuid.UUID] | None:
    """Return the prefix and UUID of the ID `text` (`cus_01h…`), or None if it is not an ID."""
    prefix = text.rpartition("_")[0]
    try:
        return prefix, ids.decode(prefix, text)
    except ids.InvalidId:
        return None


def name_rows(
    identifiers: Collection[str],
    pages: Mapping[Any, tuple[Callable[[Any], str] | None, Callable[[Any], str] | None]],
) -> Iterator[tuple[str, Named]]:
    """Yield the names of those `identifiers` that are rows of these models. Implements most namers.

    `pages` maps each model class to functions that return a row's display name and the URL of its page. Without the first, the
    ID is used as the name. Soft-deleted rows have no page.
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
            kind = capfirst(str(model._meta.verbose_name))
            yield row.public_id, Named(title or row.public_id, path, kind)


def by_identifier(text: str, pages: Mapping[Any, tuple[str, Callable[[Any], str]]]) -> Iterator[Found]:
    """Yield the row of one of these models with the ID `text`. Implements most finders.

    `pages` maps each model class to its type's name and a function that returns the URL of a row's page.
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
