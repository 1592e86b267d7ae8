"""Ctrl+K on the staff site: search for ids, companies, people and keys across companies, and for lists by name.

Searches are audited, and results are recorded in the trail of their company, as on the lists.
"""

from collections.abc import Iterator
from typing import Any

from django.contrib.admin import AdminSite
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from unfold.dataclasses import SearchResult

from accounts.models import Company, User
from apikeys.keys import parse_shown
from apikeys.models import ApiKey, ApiKeySecret
from apikeys.selectors import shown_as
from config.staff.permitted import admin_of
from core.events import publish_unowned
from core.ui.finding import LONGEST_SOUGHT, identifier_in
from core.ui.staff import StaffListed, StaffModelAdmin, staff_principal
from core.values.redaction import redact

MOST_FOUND = 20


def search(site: AdminSite, request: HttpRequest, text: str) -> list[SearchResult]:
    """Return the matches of `text` that the staff member may view, and record the search. Call it inside `system_context`."""
    text = text.strip()[:LONGEST_SOUGHT]
    publish_unowned(
        StaffListed(
            object_id="search",
            detail={"page": "search", "what": "results of a search", "query": redact(text)},
        ),
        actor=staff_principal(request),
    )
    results = [*_lists(site, request, text)]
    for admin, rows in _rows(site, request, text):
        found = list(rows[:MOST_FOUND])
        admin.record_list(request, found)
        results += [_shown(site, row) for row in found]
    return results


def _lists(site: AdminSite, request: HttpRequest, text: str) -> Iterator[SearchResult]:
    for app in site.get_app_list(request):
        for model in app["models"]:
            if text.lower() in str(model["name"]).lower():
                yield SearchResult(str(model["name"]), app["name"], model["admin_url"], "tag")


def _rows(
    site: AdminSite, request: HttpRequest, text: str
) -> Iterator[tuple[StaffModelAdmin, QuerySet[Any]]]:
    """Yield the matching rows of each model that the staff member may view."""
    for model, wanted in _wanted(site, text):
        if (admin := admin_of(site, request, model)) is not None:
            yield admin, admin.get_queryset(request).filter(wanted)


def _wanted(site: AdminSite, text: str) -> Iterator[tuple[type[Model], Q]]:
    known = identifier_in(text)
    if known is not None:
        for model in site._registry:  # noqa: SLF001
            if getattr(model, "id_prefix", None) == known[0]:
                yield model, Q(pk=known[1])
        return
    if (shown := parse_shown(text)) is not None:
        yield ApiKey, Q(id__in=ApiKeySecret.objects.filter(shown_as(shown)).values("key_id"))
        return
    yield Company, Q(slug=text.lower()) | Q(name__icontains=text)
    yield User, Q(email__icontains=text.lower())


def _shown(site: AdminSite, row: Any) -> SearchResult:
    options = row._meta
    company = getattr(row, "company", None)
    about = [str(options.verbose_name).capitalize(), str(getattr(row, "public_id", ""))]
    if company is not None:
        about.append(" ".join(filter(None, [str(company), getattr(row, "mode", "")])))
    address = reverse(f"{site.name}:{options.app_label}_{options.model_name}_change", args=[row.pk])
    return SearchResult(str(row), ", ".join(filter(None, about)), address, "data_object")
