"""A company's policies for members and keys, and the page for members who must set up a second factor."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import CompanyRequest, company_page, enter, needs_second_factor
from accounts.dashboard.forms import SecurityPolicyForm
from accounts.models import User
from accounts.roles import Role
from accounts.selectors import current_company, members_without_second_factor, memberships_of
from accounts.services import set_security_policy
from accounts.services.policies import OwnSecondFactorMissing
from accounts.sudo import recent_login_required
from core.errors import FieldErrors


@recent_login_required
@company_page(role=Role.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def policies_page(request: CompanyRequest) -> HttpResponse:
    """The company's policies for sign-in and keys, which apply in both modes."""
    company = current_company()
    form = SecurityPolicyForm.for_company(company, request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            set_security_policy(
                company=company, chosen=form.chosen(), user_id=request.user.id, actor=request.principal
            )
        except FieldErrors as refusal:
            form.show_refusal(refusal)
        except OwnSecondFactorMissing as refusal:
            form.add_error(None, f"{refusal.page_detail}. {refusal.page_advice}")
        else:
            messages.success(request, "Policies saved. They apply in live and test mode.")
            return redirect("accounts:policies")
    context = {"form": form, "company": company, "without": members_without_second_factor()}
    return render(request, "accounts/policies.html", context, status=422 if form.errors else 200)


@never_cache
@login_required
@require_safe
def second_factor_page(request: HttpRequest) -> HttpResponse:
    """Ask the member to set up a second factor or switch to another company, because this one requires it."""
    assert isinstance(request.user, User)
    memberships = memberships_of(request.user)
    if not memberships or not needs_second_factor(enter(request, memberships).membership):
        return redirect("/")
    membership = enter(request, memberships).membership
    others = [one.company for one in memberships if one.id != membership.id]
    return render(request, "accounts/second_factor.html", {"company": membership.company, "others": others})
