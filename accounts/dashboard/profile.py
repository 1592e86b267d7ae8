"""The signed-in person's own page."""

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.adapter import get_adapter
from allauth.usersessions.models import UserSession
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import enter
from accounts.dashboard.forms import ProfileForm
from accounts.models import User
from accounts.selectors import memberships_of
from accounts.services import update_profile


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def profile_page(request: HttpRequest) -> HttpResponse:
    """Name, email addresses, sign-in methods, and the person's companies."""
    assert isinstance(request.user, User)
    form = ProfileForm(request.POST or None, instance=request.user)
    if request.method == "POST" and form.is_valid():
        update_profile(user=request.user, name=form.cleaned_data["name"])
        messages.success(request, "Profile saved.")
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


@login_required
@require_POST
def end_device(request: HttpRequest) -> HttpResponse:
    """Sign out one of the person's other devices. The current one has "Sign out" in its menu."""
    asked = request.POST.get("device", "")
    devices = UserSession.objects.filter(user=request.user).exclude(session_key=request.session.session_key)
    device = next((one for one in devices if str(one.pk) == asked), None)
    if device is None:
        raise Http404
    get_adapter().end_sessions([device])
    messages.success(request, "The device is signed out.")
    return redirect("usersessions_list")
