"""Access control of dashboard pages: the signed-in person's membership, role and mode, and the tenant derived from them.

`company_page` guards every dashboard view. The tenant comes from the person's membership and session, never from a header or a
form (docs/architecture.md, Tenancy). A URL names it too, so that a link can be sent: it can only change the session, and
only to a company of the person's own.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from functools import wraps
from typing import Any, TypeVar, cast
from urllib.parse import parse_qs, urlsplit

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.template.response import SimpleTemplateResponse
from django.urls import reverse
from django.utils.cache import add_never_cache_headers

from accounts.models import Membership, User
from accounts.recent import Visit, note_visit
from accounts.roles import Role, at_least
from accounts.selectors import has_second_factor, memberships_of
from core import clock
from core.errors import DomainError, NotFound
from core.http.own_pages import own_page
from core.http.requests import Request, actor_of
from core.principal import Mode, Principal
from core.tenancy import Tenant, tenant_context
from core.ui.finding import identifier_in

SESSION_COMPANY = "company"
SESSION_MODE = "mode"

ViewT = TypeVar("ViewT", bound=Callable[..., HttpResponse])


class CompanyRequest(Request):
    """The request of a view behind `company_page` (for type checkers, never constructed)."""

    user: User
    memberships: list[Membership]
    membership: Membership
    mode: Mode
    principal: Principal
    # Whether the page shows what belongs to the company and mode, so that its URL names them.
    is_company_page: bool


def company_page(
    role: str = Role.VIEWER,
    *,
    first: Callable[[CompanyRequest], None] | None = None,
    in_transaction: bool = True,
    changes_nothing: bool = False,
) -> Callable[[ViewT], ViewT]:
    """Decorate a dashboard view: require a signed-in member with at least `role`, and run it in their tenant.

    The view gets `request.membership`, `.memberships`, `.mode` and `.principal`, and runs in one tenant transaction, which
    includes rendering a template response. A domain error rolls everything back and becomes a 404 (not found) or a 403 (not
    allowed); any other becomes a message on the previous page for a POST, and an error page with the error's status for a
    GET. `first` is called before the transaction is opened, for work that must not happen inside one
    (core.postgres.outside); its errors are handled in the same way. A view whose response takes long to produce passes
    `in_transaction=False` and opens its own `tenant_context` for its queries. A POST is refused if it comes from a page of
    another company or mode, unless the view says with `changes_nothing=True` that it only reads.
    """

    def decorate(view: ViewT) -> ViewT:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not isinstance(request.user, User):
                return redirect_to_login(request.get_full_path())
            memberships = memberships_of(request.user)
            if not memberships:
                return HttpResponseRedirect(reverse("accounts:create_company"))
            inside = enter(request, memberships)
            inside.is_company_page = True
            if _follow_link(inside):
                return HttpResponseRedirect(request.get_full_path())
            if not changes_nothing and (opened_in := _left_place(inside)):
                place = f"{inside.membership.company.name}, {inside.mode.capitalize()}"
                messages.error(
                    request, f"Nothing was changed: since this page was opened, you switched to {place}."
                )
                return HttpResponseRedirect(opened_in)
            if needs_second_factor(inside.membership):
                return _send_to_second_factor(request)
            if not at_least(inside.membership.role, role):
                raise PermissionDenied(f"This requires the role {Role(role).label.lower()} or higher.")
            around = tenant_context(Tenant(inside.membership.company_id, inside.mode))
            response = _run(view, first, around if in_transaction else nullcontext(), inside, *args, **kwargs)
            _note_object(inside, response)
            if not response.has_header("Cache-Control"):
                add_never_cache_headers(response)
            return response

        guarded.least_role = role  # type: ignore[attr-defined]
        return guarded  # type: ignore[return-value]

    return decorate


def _follow_link(request: CompanyRequest) -> bool:
    """Take `company` and `mode` out of the URL, where pages put them for links; return whether that was a switch.

    Only opening a page switches. Raises Http404 for a company that is not the person's.
    """
    query = request.GET.copy()
    company, mode = query.pop("company", [""])[-1], query.pop("mode", [""])[-1]
    if not company and not mode:
        return False
    request.GET = query  # type: ignore[assignment]
    request.META["QUERY_STRING"] = query.urlencode()
    if request.method not in ("GET", "HEAD"):
        return False
    membership = request.membership
    if company:
        own = [one for one in request.memberships if one.company.public_id == company]
        if not own:
            raise Http404
        membership = own[0]
    wanted: Mode = request.mode if mode not in ("live", "test") else cast(Mode, mode)
    return switch(request, membership, wanted)


def _note_object(request: CompanyRequest, response: HttpResponse) -> None:
    """Remember the object whose page was opened, for "Find anything" (accounts.recent)."""
    if request.method != "GET" or response.status_code != 200 or request.headers.get("HX-Request") == "true":
        return
    if not response.headers.get("Content-Type", "").startswith("text/html"):
        return
    named = [part for part in request.path.split("/") if identifier_in(part)]
    if len(named) == 1:
        note_visit(request, Visit(Tenant(request.membership.company_id, request.mode), named[0]))


def _left_place(request: CompanyRequest) -> str:
    """Return the page that a form was sent from if it shows another company or mode than the session's, otherwise an empty string.

    Another tab has switched since. The URL of such a page names both, and browsers send it as the Referer
    (SECURE_REFERRER_POLICY); without scripts it names neither.
    """
    if request.method in ("GET", "HEAD"):
        return ""
    page = own_page(request, request.META.get("HTTP_REFERER", ""))
    named = parse_qs(urlsplit(page).query)
    here = {"company": request.membership.company.public_id, "mode": request.mode}
    return page if any(named.get(name, [value])[-1] != value for name, value in here.items()) else ""


def switch(request: CompanyRequest, membership: Membership, mode: Mode) -> bool:
    """Remember another company or mode of the person and say so on the next page; return whether it is another one."""
    changes = []
    if membership.company_id != request.membership.company_id:
        choose_company(request, membership)
        changes.append(membership.company.name)
    if mode != request.mode:
        choose_mode(request, mode)
        changes.append(mode.capitalize())
    if changes:
        messages.info(request, f"This is in {', '.join(changes)}: switched.")
    return bool(changes)


def second_factor_due(membership: Membership) -> datetime | None:
    """Return when a second factor becomes mandatory for this member, if they have none; None if nothing is due."""
    since = membership.company.second_factor_required_from
    if since is None or has_second_factor(membership.user_id):
        return None
    return since


def needs_second_factor(membership: Membership) -> bool:
    """Return whether this member must set up a second factor to access the company's pages. API keys are not affected."""
    due = second_factor_due(membership)
    return due is not None and due <= clock.now()


def _send_to_second_factor(request: HttpRequest) -> HttpResponse:
    page = reverse("accounts:second_factor")
    if request.headers.get("HX-Request") == "true":
        return HttpResponse(status=204, headers={"HX-Redirect": page})
    return HttpResponseRedirect(page)


def enter(request: HttpRequest, memberships: list[Membership]) -> CompanyRequest:
    """Set the chosen membership (by session, else the first), the mode and the principal on the request, and return it."""
    inside = cast(CompanyRequest, request)
    chosen = request.session.get(SESSION_COMPANY)
    membership = next((m for m in memberships if str(m.company_id) == chosen), memberships[0])
    mode: Mode = "test" if request.session.get(SESSION_MODE) == "test" else "live"
    inside.memberships, inside.membership, inside.mode = memberships, membership, mode
    inside.principal = user_principal(request, membership.user, tenant=Tenant(membership.company_id, mode))
    return inside


def entered(request: HttpRequest) -> CompanyRequest | None:
    """Return the request if `enter` was called on it, or None (sign-in, public pages)."""
    return cast(CompanyRequest, request) if hasattr(request, "membership") else None


def user_principal(request: HttpRequest, user: User, *, tenant: Tenant | None = None) -> Principal:
    """Return `user` as an actor: in a tenant, or outside any company (signing in, creating one)."""
    return actor_of(
        request,
        kind="user",
        id=user.public_id,
        name=user.display_name,
        company_id=tenant.company_id if tenant else None,
        mode=tenant.mode if tenant else None,
    )


def choose_company(request: HttpRequest, membership: Membership) -> None:
    """Remember in the session which company the person works in."""
    request.session[SESSION_COMPANY] = str(membership.company_id)


def choose_mode(request: HttpRequest, mode: str) -> None:
    """Remember in the session whether the person looks at live or test data."""
    request.session[SESSION_MODE] = "test" if mode == "test" else "live"


def safe_next(request: HttpRequest, fallback: str = "/") -> str:
    """Return the posted `next`, or the Referer's path, when it is a page of ours; otherwise `fallback`."""
    candidates = (request.POST.get("next", ""), request.META.get("HTTP_REFERER", ""))
    return next((page for page in (own_page(request, each) for each in candidates) if page), fallback)


def _run(
    view: Callable[..., HttpResponse],
    first: Callable[[CompanyRequest], None] | None,
    around: AbstractContextManager[None],
    request: CompanyRequest,
    *args: Any,
    **kwargs: Any,
) -> HttpResponse:
    try:
        if first is not None:
            first(request)
        with around:
            response = view(request, *args, **kwargs)
            return response.render() if isinstance(response, SimpleTemplateResponse) else response
    except NotFound as error:
        raise Http404 from error
    except DomainError as error:
        if error.status == 403:
            raise PermissionDenied(error.page_detail) from error
        if request.method in ("GET", "HEAD"):
            # There is no form to return to: the person typed the URL, or the action is no longer possible.
            back = safe_next(request, "")
            context = {"error": error, "back": "" if back == request.get_full_path() else back}
            page = render(request, "400.html", context, status=error.status)
            for name, value in error.headers.items():
                page.headers[name] = value
            return page
        messages.error(request, error.page_detail)
        return HttpResponseRedirect(safe_next(request))
