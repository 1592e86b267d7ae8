"""The signed-in person's own page."""

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts.access import enter
from accounts.dashboard.forms import ProfileForm
from accounts.models import User
from accounts.selectors import memberships_of
from accounts.services import update_profile


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def profile_page(request: HttpRequest) -> HttpResponse:
    """Name, addresses, ways of signing in, and the companies the person belongs to."""
    assert isinstance(request.user, User)
    form = ProfileForm(request.POST or None, instance=request.user)
    if request.method == "POST" and form.is_valid():
        update_profile(user=request.user, name=form.cleaned_data["name"])
        messages.success(request, "Your profile is saved.")
        return redirect("accounts:profile")
    memberships = memberships_of(request.user)
    if memberships:
        enter(request, memberships)
    context = {
        "form": form,
        "addresses": EmailAddress.objects.filter(user=request.user).order_by("-primary", "email"),
        "factors": set(Authenticator.objects.filter(user=request.user).values_list("type", flat=True)),
        "memberships": memberships,
    }
    return render(request, "accounts/profile.html", context, status=422 if form.errors else 200)
