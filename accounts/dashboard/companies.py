"""Creating a company, switching between companies and modes, and a company's settings."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import (
    CompanyRequest,
    choose_company,
    choose_mode,
    company_page,
    safe_next,
    user_principal,
)
from accounts.dashboard.forms import CompanyForm, CreateCompanyForm
from accounts.models import Membership, User
from accounts.roles import Role, at_least
from accounts.selectors import current_company, list_members, memberships_of
from accounts.services import register_company, update_company
from accounts.services.allowances import CompanyCreationClosed, CompanyLimitReached
from accounts.services.companies import SlugTaken
from accounts.services.request_bodies import are_kept
from core import clock
from core.http.own_pages import own_page
from core.tenancy import Tenant, tenant_context

__all__ = ["create_company_page", "settings_page", "switch_company", "switch_mode"]


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def create_company_page(request: HttpRequest) -> HttpResponse:
    """The page after sign-up, and "New company" in the company switcher."""
    assert isinstance(request.user, User)
    form = CreateCompanyForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            company = register_company(
                name=form.cleaned_data["name"],
                owner=request.user,
                actor=user_principal(request, request.user),
            )
        except (CompanyCreationClosed, CompanyLimitReached) as error:
            form.add_error(None, f"{error.page_detail} {error.page_advice}")
        else:
            with tenant_context(Tenant(company.id, "live")):
                choose_company(request, Membership.objects.get(user=request.user))
            return redirect("/")
    memberships = memberships_of(request.user)
    status = 422 if form.errors else 200
    context = {"form": form, "is_first": not memberships}
    return render(request, "accounts/create_company.html", context, status=status)


@login_required
@require_POST
def switch_company(request: HttpRequest) -> HttpResponse:
    """Switch to another of the person's companies."""
    assert isinstance(request.user, User)
    wanted = request.POST.get("company", "")
    for membership in memberships_of(request.user):
        if membership.company.public_id == wanted:
            choose_company(request, membership)
            return redirect("/")
    raise Http404


@login_required
@require_POST
def switch_mode(request: HttpRequest) -> HttpResponse:
    """Switch between live and test mode: go to the posted `onward`, a page that exists in both, else to the section's list.

    The page of a single object does not exist in the other mode, hence the list.
    """
    choose_mode(request, request.POST.get("mode", ""))
    onward = own_page(request, request.POST.get("onward", ""))
    if onward:
        return HttpResponseRedirect(onward)
    section = safe_next(request).strip("/").split("/")[0].split("?")[0]
    return HttpResponseRedirect(f"/{section}/" if section else "/")


@require_http_methods(["GET", "HEAD", "POST"])
def settings_page(request: CompanyRequest) -> HttpResponse:
    """The company's name and short name, and the sign-in security of its members."""
    if request.method == "POST":
        return _change_settings(request)
    return _show_settings(request)


@company_page()
@require_safe
def _show_settings(request: CompanyRequest) -> HttpResponse:
    return _render_settings(request, CompanyForm(instance=current_company()))


@company_page(role=Role.ADMIN)
@require_POST
def _change_settings(request: CompanyRequest) -> HttpResponse:
    company = current_company()
    form = CompanyForm(request.POST, instance=current_company())
    if form.is_valid():
        try:
            update_company(company=company, actor=request.principal, **form.cleaned_data)
        except SlugTaken as error:
            form.add_error("slug", error.page_detail)
        else:
            messages.success(request, "Company settings saved.")
            return redirect("accounts:settings")
    return _render_settings(request, form, status=422)


def _render_settings(request: CompanyRequest, form: CompanyForm, status: int = 200) -> HttpResponse:
    company, now = current_company(), clock.now()
    context = {
        "form": form,
        "company": company,
        "bodies": {"test": are_kept(company, "test", now), "live": are_kept(company, "live", now)},
        "may_edit": at_least(request.membership.role, Role.ADMIN),
        "owners": [member for member in list_members() if member.role == Role.OWNER],
    }
    return render(request, "accounts/settings.html", context, status=status)
