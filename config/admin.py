"""The staff site at /staff/: staff only, a second factor required, every page inside `system_context` (docs/architecture.md, Pages)."""

import time
from collections.abc import Callable
from functools import partial, wraps
from typing import Any

from allauth.mfa.utils import is_mfa_enabled
from csp.decorators import csp_update
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import SimpleTemplateResponse, TemplateResponse
from django.urls import path, reverse
from unfold.admin import ModelAdmin
from unfold.sites import UnfoldAdminSite

from accounts.sudo import logged_in_recently, reauthenticate
from config.staff import company, home, search
from core.background.watch import read_all
from core.operations.health import check_readiness
from core.tenancy import system_context
from core.ui.staff import StaffModelAdmin

# unfold positions its parts by style attributes and drives them with Alpine.js, which evaluates expressions. Only staff
# with a second factor get these pages, and no inline script is allowed even here.
STAFF_POLICY = {"script-src": ["'unsafe-eval'"], "style-src": ["'unsafe-inline'"]}


class StaffSite(UnfoldAdminSite):
    """Django's admin site for Pomelo's staff."""

    site_title = "Pomelo staff"
    site_header = "Pomelo staff"
    index_title = "Staff"
    index_template = "staff/index.html"

    def register(
        self, model_or_iterable: Any, admin_class: type[ModelAdmin] | None = None, **options: Any
    ) -> None:
        """Take only admins that keep account of every look and ask for reasons.

        Other apps bring theirs (addresses, groups), by which staff could change things unseen: these are left out.
        """
        if admin_class is not None and issubclass(admin_class, StaffModelAdmin):
            super().register(model_or_iterable, admin_class, **options)

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """Show above the list of tables what waits for staff, and how the engines and the background work do."""
        context = {
            "waiting": home.list_waiting(self, request),
            "readings": read_all(),
            "checks": home.checks_of(request),
        }
        return super().index(request, {**(extra_context or {}), **context})

    def get_urls(self) -> list[Any]:
        """Put the page of a company in place of the form of its row."""
        page = self.admin_view(partial(company.show, self))
        return [
            path("accounts/company/<path:object_id>/change/", page, name="accounts_company_change"),
            *super().get_urls(),
        ]

    def has_permission(self, request: HttpRequest) -> bool:
        """Staff who have a second factor; allauth has asked for it at sign-in."""
        user = request.user
        return bool(user.is_active and user.is_staff and is_mfa_enabled(user))

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Send everybody through the one sign-in page, and staff without a second factor to where they add one.

        Whoever is signed in and no staff is refused: the sign-in page would send them straight back. Raises PermissionDenied.
        """
        user = request.user
        if user.is_authenticated and user.is_staff:
            messages.warning(request, "The staff site needs two-factor authentication. Set it up first.")
            return HttpResponseRedirect(reverse("mfa_index"))
        if user.is_authenticated:
            raise PermissionDenied("These pages are for the staff who run Pomelo.")
        return redirect_to_login(request.GET.get("next", reverse("admin:index")))

    def password_change(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Send staff to the one page on which a password changes, which tells them by mail and writes it down."""
        return HttpResponseRedirect(reverse("account_change_password"))

    def search(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Answer Ctrl+K (`config.staff.search`). unfold's own keeps results in the cache, and leaves no trace of a look."""
        text = request.GET.get("s", "").strip()
        if not text:
            return HttpResponse()
        began = time.monotonic()
        results = search.search(self, request, text)
        template = "command" if "extended" in request.GET else "search"
        context = {
            "page_obj": Paginator(results, max(len(results), 1)),
            "results": results,
            "page_counter": 0,
            "execution_time": time.monotonic() - began,
            "command_show_history": False,
        }
        return TemplateResponse(
            request, f"unfold/helpers/{template}_results.html", context, headers={"HX-Trigger": "search"}
        )

    def autocomplete_view(self, request: HttpRequest) -> HttpResponse:
        """Not there: it would list objects of every company, and no trail would say so. Raises Http404."""
        raise Http404

    def require_recent_login(self, request: HttpRequest, *, back: str) -> HttpResponse | None:
        """Return the way to confirm one's identity, and from there to `back`, when the last login is long ago; or None."""
        return None if logged_in_recently(request) else reauthenticate(request, back=back)

    def admin_view(
        self, view: Callable[..., HttpResponse], cacheable: bool = False
    ) -> Callable[..., HttpResponse]:
        """Run `view` inside `system_context`, rendered before it is left."""

        @csp_update(STAFF_POLICY)
        @wraps(view)
        def run(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if view == self.index:
                # They ask Valkey, and PostgreSQL as the role that serves: neither can be done inside of the context.
                home.keep_checks(request, check_readiness())
            with system_context(reason=f"staff: {request.path}"):
                response = view(request, *args, **kwargs)
                return response.render() if isinstance(response, SimpleTemplateResponse) else response

        return super().admin_view(run, cacheable)
