"""Search: an id, email address or number leads to its page, in any mode and company of the user.

The text is sent by POST and never in a URL, because people paste whole secrets, and URLs end up in logs and browser histories.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.cache import add_never_cache_headers
from django.views.decorators.http import require_http_methods, require_POST
from django.views.defaults import page_not_found

from accounts.access import CompanyRequest, company_page, enter, switch
from accounts.models import Membership, User
from accounts.selectors import memberships_of
from config.pages.context import menu
from core.http.own_pages import own_page
from core.principal import Mode
from core.tenancy import Tenant, tenant_context
from core.ui import finding

# A person may belong to many companies; each is searched separately, in its own tenant.
MOST_COMPANIES = 20
MOST_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Hit:
    """One match and its location."""

    kind: str
    title: str
    path: str
    membership: Membership
    mode: Mode
    is_here: bool


@company_page(in_transaction=False)
@require_http_methods(["GET", "HEAD", "POST"])
def find_page(request: CompanyRequest) -> HttpResponse:
    """Redirect to the only match, or list the matches. The script that searches while typing gets only the list."""
    text = request.POST.get("q", "").strip()
    hits = list(search(request, text))[:MOST_SHOWN] if text else []
    if request.headers.get("HX-Request") != "true" and (only := _only(hits)) is not None:
        return _lead_to(request, only.membership, only.mode, only.path)
    context = {"q": text, "hits": hits, "pages": _pages(text)}
    template = "pages/find_results.html" if request.headers.get("HX-Request") == "true" else "pages/find.html"
    return render(request, template, context)


@company_page(in_transaction=False)
@require_POST
def open_found(request: CompanyRequest) -> HttpResponse:
    """Redirect to a page in another company or mode of the user. Raises Http404 for a company they do not belong to."""
    company, mode = request.POST.get("company", ""), request.POST.get("mode", "")
    path = own_page(request, request.POST.get("path", ""))
    membership = next((one for one in request.memberships if one.company.public_id == company), None)
    if membership is None or mode not in ("live", "test") or not path:
        raise Http404
    return _lead_to(request, membership, "test" if mode == "test" else "live", path)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Render a 404. If the URL names an object in another mode or company of the user, say where it is."""
    user = getattr(request, "user", None)
    named = [part for part in request.path.split("/") if finding.identifier_in(part)]
    if not isinstance(user, User) or len(named) != 1 or request.method not in ("GET", "HEAD"):
        return page_not_found(request, exception)
    memberships = memberships_of(user)
    if not memberships:
        return page_not_found(request, exception)
    inside = enter(request, memberships)
    elsewhere = [hit for hit in search(inside, named[0]) if not hit.is_here]
    response = render(request, "404.html", {"elsewhere": elsewhere[:1], "path": request.path}, status=404)
    add_never_cache_headers(response)
    return response


def search(request: CompanyRequest, text: str) -> Iterator[Hit]:
    """Yield the matches of `text` in the user's companies, starting with the current one."""
    seen: set[tuple[Any, Any]] = set()
    here = Tenant(request.membership.company_id, request.mode)
    for membership, mode in _places(request):
        tenant = Tenant(membership.company_id, mode)
        with tenant_context(tenant):
            for found in finding.find(text):
                # Company-wide objects exist in both modes.
                if (known := (type(found.row), found.row.pk)) not in seen:
                    seen.add(known)
                    yield Hit(found.kind, found.title, found.path, membership, mode, tenant == here)


def _places(request: CompanyRequest) -> Iterator[tuple[Membership, Mode]]:
    own = request.membership
    others = [one for one in request.memberships if one.company_id != own.company_id]
    for membership in [own, *others][:MOST_COMPANIES]:
        yield membership, request.mode
        yield membership, "test" if request.mode == "live" else "live"


def _only(hits: list[Hit]) -> Hit | None:
    """Return the only hit, or the only one in the current company and mode."""
    here = [hit for hit in hits if hit.is_here]
    candidates = here or hits
    return candidates[0] if len({hit.path for hit in candidates}) == 1 else None


def _lead_to(request: CompanyRequest, membership: Membership, mode: Mode, path: str) -> HttpResponse:
    switch(request, membership, mode)
    return HttpResponseRedirect(path)


def _pages(text: str) -> list[tuple[str, str, str]]:
    """Return (label, URL, icon) of the pages whose name contains `text`; all pages if it is empty."""
    found = [(entry.label, entry.path, entry.icon) for section in menu() for entry in section.entries]
    found = [("Overview", "/", "home"), *found, *_FURTHER]
    return [page for page in found if text.lower() in page[0].lower()]


_FURTHER = [
    ("Create key", "/keys/new/", "plus"),
    ("Usage", "/requests/usage/", "activity"),
    ("Your profile", "/profile/", "user"),
    ("Documentation", "/docs/", "book"),
]
