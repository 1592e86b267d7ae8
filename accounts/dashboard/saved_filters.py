"""Saved filters: their display on a list, and the page where members rename, remove and restore them."""

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import Resolver404, resolve
from django.views.decorators.http import require_POST, require_safe

from accounts.access import CompanyRequest, company_page
from accounts.models import SavedFilter
from accounts.selectors import get_saved_filter, list_removed_filters, list_saved_filters
from accounts.services import remove_filter, rename_filter, restore_filter, save_filter
from accounts.services.saved_filters import (
    LONGEST_NAME,
    LONGEST_PAGE,
    LONGEST_QUERY,
    MOST_SAVED,
    UNDO_FOR,
    normalize_query,
)
from core import clock
from core.errors import FieldError, FieldErrors
from core.resources import name_of_page
from core.ui.lists import sort_rows

COLUMNS = {"name": "saved.name", "list": "list_name", "saved": "saved.created"}


@dataclass(frozen=True, slots=True)
class _Row:
    """A saved filter, and what its list is called."""

    saved: SavedFilter

    @property
    def list_name(self) -> str:
        return name_of_page(self.saved.page)


def offered_filters(request: CompanyRequest) -> dict[str, Any]:
    """Return the member's saved filters for the list at this URL, and the current filters if they can be saved."""
    asked = normalize_query(request.META.get("QUERY_STRING", ""))
    saved = list_saved_filters(request.membership, page=request.path)
    return {
        "rows": [{"saved": one, "is_chosen": one.query == asked} for one in saved],
        "to_save": "" if any(one.query == asked for one in saved) else asked,
        "longest_name": LONGEST_NAME,
    }


@company_page()
@require_safe
def saved_filter_list(request: CompanyRequest) -> HttpResponse:
    """Every filter that the member has saved in this company, and those removed recently."""
    context = {
        "rows": sort_rows(
            [_Row(saved) for saved in list_saved_filters(request.membership)], request, columns=COLUMNS
        ),
        "removed": [
            _Row(saved) for saved in list_removed_filters(request.membership, since=clock.now() - UNDO_FOR)
        ],
        "most": MOST_SAVED,
        "longest_name": LONGEST_NAME,
    }
    return render(request, "accounts/saved_filters.html", context)


@company_page()
@require_POST
def save(request: CompanyRequest) -> HttpResponse:
    """Save the filters of a list under a name."""
    page, query = request.POST.get("page", ""), request.POST.get("query", "")
    _require_list(page)
    try:
        saved = save_filter(
            member=request.membership, page=page, query=query, name=request.POST.get("name", "")
        )
    except FieldErrors as refusal:
        _show_refusal(request, refusal)
        # Django refuses to redirect to very long URLs, and our pages never produce such filters.
        return redirect(f"{page}?{query}" if 0 < len(query) <= LONGEST_QUERY else page)
    messages.success(request, f"“{saved.name}” is saved above this list.")
    return redirect(saved.address)


@company_page()
@require_POST
def rename(request: CompanyRequest, public_id: str) -> HttpResponse:
    """Rename a saved filter."""
    saved = get_saved_filter(request.membership, public_id)
    try:
        rename_filter(saved=saved, name=request.POST.get("name", ""))
        messages.success(request, f"It is called “{saved.name}” now.")
    except FieldErrors as refusal:
        _show_refusal(request, refusal)
    return redirect("accounts:saved_filters")


@company_page()
@require_POST
def remove(request: CompanyRequest, public_id: str) -> HttpResponse:
    """Remove a saved filter. The next page offers to restore it."""
    saved = remove_filter(saved=get_saved_filter(request.membership, public_id))
    messages.success(request, f"“{saved.name}” is removed. You can undo this for a day.")
    return redirect("accounts:saved_filters")


@company_page()
@require_POST
def restore(request: CompanyRequest, public_id: str) -> HttpResponse:
    """Restore a removed filter."""
    try:
        saved: SavedFilter = restore_filter(saved=get_saved_filter(request.membership, public_id))
        messages.success(request, f"“{saved.name}” is back.")
    except FieldErrors as refusal:
        _show_refusal(request, refusal)
    return redirect("accounts:saved_filters")


def _require_list(page: str) -> None:
    """Raise FieldErrors unless `page` is the path of a company page."""
    try:
        view = resolve(page).func
    except Resolver404:
        view = None
    # Path converters may accept any character, but paths of our pages contain no invisible ones.
    if not hasattr(view, "least_role") or len(page) > LONGEST_PAGE or not page.isprintable():
        raise FieldErrors([FieldError("page", "invalid", "This is no list of your company.")])


def _show_refusal(request: CompanyRequest, refusal: FieldErrors) -> None:
    messages.error(request, " ".join(one.message for one in refusal.fields))
