"""The staff site at /staff/: staff only, a second factor required, every page inside `system_context` (docs/architecture.md, Pages)."""

import time
from collections.abc import Callable, Sequence
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
from config.staff import company, home, search, uses
from core.background.watch import read_all
from core.operations.health import check_readiness
from core.tenancy import system_context
from core.ui.staff import ReasonForm, StaffModelAdmin

# unfold uses style attributes and Alpine.js, which evaluates expressions. Only staff with a second factor get these pages, and
# inline scripts are not allowed even here.
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
        """Register only admins that audit every view and require reasons.

        Admins of third-party apps (addresses, groups) are skipped, because staff could make unaudited changes with them.
        """
        if admin_class is not None and issubclass(admin_class, StaffModelAdmin):
            super().register(model_or_iterable, admin_class, **options)

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """Show pending work and the health of engines and background jobs above the list of models."""
        context = {
            "waiting": home.list_waiting(self, request),
            "readings": read_all(),
            "checks": home.checks_of(request),
        }
        return super().index(request, {**(extra_context or {}), **context})

    def get_urls(self) -> list[Any]:
        """Replace the change form of a company with its own page."""
        page = self.admin_view(partial(company.show, self))
        return [
            path("accounts/company/<path:object_id>/change/", page, name="accounts_company_change"),
            *super().get_urls(),
        ]

    def has_permission(self, request: HttpRequest) -> bool:
        """Allow staff with a second factor, which allauth has verified at sign-in."""
        user = request.user
        return bool(user.is_active and user.is_staff and is_mfa_enabled(user))

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Redirect to the common sign-in page, or staff without a second factor to the page that adds one.

        A signed-in user who is not staff is refused, because the sign-in page would redirect back. Raises PermissionDenied.
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
        """Redirect to the common password page, which sends a notification and is audited."""
        return HttpResponseRedirect(reverse("account_change_password"))

    def search(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Handle Ctrl+K (`config.staff.search`). unfold's own search caches results and is not audited."""
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
        """Disabled, because it would list objects of every company without an audit entry. Raises Http404."""
        raise Http404

    def require_recent_login(self, request: HttpRequest, *, back: str) -> HttpResponse | None:
        """Return a redirect to re-authentication (and then to `back`) if the last login is too old, otherwise None."""
        return None if logged_in_recently(request) else reauthenticate(request, back=back)

    def show_current_uses(self, form: ReasonForm, objects: Sequence[Any]) -> None:
        """Have a form of one company's limits say how much of each is used, which only several apps together know."""
        if form.asks_for_limits and len(objects) == 1:
            form.show_uses(uses.uses_of(objects[0]))

    def admin_view(
        self, view: Callable[..., HttpResponse], cacheable: bool = False
    ) -> Callable[..., HttpResponse]:
        """Run `view` inside `system_context`, including rendering."""

        @csp_update(STAFF_POLICY)
        @wraps(view)
        def run(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if view == self.index:
                # They query Valkey, and PostgreSQL as the serving role, which is not possible inside the context.
                home.keep_checks(request, check_readiness())
            with system_context(reason=f"staff: {request.path}"):
                response = view(request, *args, **kwargs)
                return response.render() if isinstance(response, SimpleTemplateResponse) else response

        return super().admin_view(run, cacheable)
