"""Search: an id, email address or number leads to its page, in any mode and company of the user.

The text is sent by POST and never in a URL, because people paste whole secrets, and URLs end up in logs and browser histories. A
page does not repeat a secret either. While the field is empty, the objects opened last are offered, and pages.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import resolve
from django.utils.cache import add_never_cache_headers
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST
from django.views.defaults import page_not_found

from accounts.access import CompanyRequest, company_page, enter, needs_second_factor, switch
from accounts.models import Membership, User
from accounts.recent import recent_visits
from accounts.roles import Role, at_least
from accounts.selectors import memberships_of
from config.pages.context import menu
from core.http.own_pages import own_page
from core.principal import Mode
from core.tenancy import Tenant, tenant_context
from core.ui import finding
from core.values.redaction import redact

# A person may belong to many companies; each is searched separately, in its own tenant.
MOST_COMPANIES = 20
MOST_SHOWN = 20
MOST_RECENT = 8


@dataclass(frozen=True, slots=True)
class Hit:
    """One match and its location."""

    kind: str
    title: str
    path: str
    membership: Membership
    mode: Mode
    is_here: bool


@sensitive_post_parameters("q")
@company_page(in_transaction=False, changes_nothing=True)
@require_http_methods(["GET", "HEAD", "POST"])
def find_page(request: CompanyRequest) -> HttpResponse:
    """Redirect to the only match, or list the matches. The script that searches while typing gets only the list."""
    text = request.POST.get("q", "").strip()
    hits = list(search(request, text))[:MOST_SHOWN] if text else []
    is_secret = redact(text) != text
    if request.headers.get("HX-Request") != "true" and (only := _only(hits)) is not None:
        return _lead_to(request, only.membership, only.mode, only.path)
    context = {
        "q": "" if is_secret else text,
        "is_secret": is_secret,
        "hits": hits,
        "recent": [] if text else list(_recent(request)),
        "pages": _pages(request, text),
    }
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


def _open_memberships(request: CompanyRequest) -> list[Membership]:
    """Return the user's companies, the current one first, without those that open only with a second factor they lack."""
    own = request.membership
    others = [one for one in request.memberships if one.company_id != own.company_id]
    return [own, *(one for one in others[: MOST_COMPANIES - 1] if not needs_second_factor(one))]


def _places(request: CompanyRequest) -> Iterator[tuple[Membership, Mode]]:
    for membership in _open_memberships(request):
        yield membership, request.mode
        yield membership, "test" if request.mode == "live" else "live"


def _recent(request: CompanyRequest) -> Iterator[Hit]:
    """Yield the objects that the user opened last, without the page they are on and what is deleted or no longer theirs."""
    here = Tenant(request.membership.company_id, request.mode)
    memberships = {one.company_id: one for one in _open_memberships(request)}
    visits = [one for one in recent_visits(request) if one.tenant.company_id in memberships]
    names: dict[tuple[Tenant, str], finding.Named] = {}
    for tenant in {visit.tenant: None for visit in visits}:
        with tenant_context(tenant):
            found = finding.names_of([one.identifier for one in visits if one.tenant == tenant])
        names.update({(tenant, identifier): named for identifier, named in found.items()})
    opened = own_page(request, request.headers.get("HX-Current-URL", "")).partition("?")[0]
    shown = 0
    for visit in visits:
        named = names.get((visit.tenant, visit.identifier))
        if named is not None and named.path and named.path != opened and shown < MOST_RECENT:
            shown += 1
            membership = memberships[visit.tenant.company_id]
            yield Hit(
                named.kind, named.title, named.path, membership, visit.tenant.mode, visit.tenant == here
            )


def _only(hits: list[Hit]) -> Hit | None:
    """Return the only hit, or the only one in the current company and mode."""
    here = [hit for hit in hits if hit.is_here]
    candidates = here or hits
    return candidates[0] if len({hit.path for hit in candidates}) == 1 else None


def _lead_to(request: CompanyRequest, membership: Membership, mode: Mode, path: str) -> HttpResponse:
    switch(request, membership, mode)
    return HttpResponseRedirect(path)


def _pages(request: CompanyRequest, text: str) -> list[tuple[str, str, str]]:
    """Return (label, URL, icon) of the pages whose name contains `text`, all pages if it is empty, as far as the role opens them."""
    found = [(entry.label, entry.path, entry.icon) for section in menu() for entry in section.entries]
    found = [("Overview", "/", "home"), *found, *_FURTHER]
    role = request.membership.role
    return [
        page
        for page in found
        if text.lower() in page[0].lower()
        and at_least(role, getattr(resolve(page[1]).func, "least_role", Role.VIEWER))
    ]


_FURTHER = [
    ("Create key", "/keys/new/", "plus"),
    ("Usage", "/requests/usage/", "activity"),
    ("Your profile", "/profile/", "user"),
    ("Documentation", "/docs/", "book"),
]
