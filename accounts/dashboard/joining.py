"""The page of an invitation link: who invited whom to which company, and the remaining step.

New users sign up and existing users sign in on the page, both with the invited address; a user already signed in with it
accepts. The emailed link proves the address, so no confirmation code is needed. A link copied by an admin proves nothing: it
offers both sign-up and sign-in without revealing whether an account exists, and a new account confirms its address by a code.
"""

from allauth.account.adapter import get_adapter
from allauth.account.utils import complete_signup, filter_users_by_email
from allauth.core import ratelimit
from allauth.core.exceptions import ImmediateHttpResponse
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts.access import choose_company, user_principal
from accounts.dashboard.forms import SignInForm, SignUpForm
from accounts.models import Invitation, User
from accounts.roles import Role
from accounts.selectors import find_copied_invitation, find_invitation
from accounts.services import accept_invitation
from core.errors import DomainError


@never_cache
@sensitive_post_parameters("password", "password1")
@require_http_methods(["GET", "HEAD", "POST"])
def accept(request: HttpRequest, token: str) -> HttpResponse:
    """Show the invitation of a link and accept it, after sign-up or sign-in if necessary."""
    mailed = find_invitation(token)
    invitation = mailed or find_copied_invitation(token)
    if invitation is None:
        return render(request, "accounts/invitation_gone.html", status=404)
    if request.user.is_authenticated:
        return _join(request, invitation) if request.method == "POST" else _page(request, invitation)
    if mailed is None:
        return _page(request, invitation)
    is_known = bool(filter_users_by_email(invitation.email))
    return _sign_in(request, invitation) if is_known else _sign_up(request, invitation)


def _sign_up(request: HttpRequest, invitation: Invitation) -> HttpResponse:
    """Create the account, with its address verified by the link, and join."""
    form = SignUpForm(_posted(request, email=invitation.email))
    form.fields["email"].widget.attrs["readonly"] = True
    if request.method == "POST":
        if refused := ratelimit.consume_or_429(request, action="signup"):
            return refused
        if form.is_valid():
            adapter = get_adapter()
            adapter.stash_verified_email(request, invitation.email)
            user, response = form.try_save(request)
            if response:  # the address was taken in the meantime
                adapter.unstash_verified_email(request)
                return response
            try:
                response = complete_signup(request, user, None, request.path)
            except ImmediateHttpResponse as answer:
                response = answer.response
            return _join(request, invitation) if request.user.is_authenticated else response
    return _page(request, invitation, form, is_new=True)


def _sign_in(request: HttpRequest, invitation: Invitation) -> HttpResponse:
    """Sign in and join. Users with a second factor are asked for it first and then return here."""
    form = SignInForm(_posted(request, login=invitation.email), request=request)
    form.fields["login"].widget.attrs["readonly"] = True
    if request.method == "POST":
        if refused := ratelimit.consume_or_429(request, action="login"):
            return refused
        if form.is_valid():
            try:
                response: HttpResponse = form.login(request, redirect_url=request.path)
            except ImmediateHttpResponse as answer:
                response = answer.response
            return _join(request, invitation) if request.user.is_authenticated else response
    return _page(request, invitation, form)


def _join(request: HttpRequest, invitation: Invitation) -> HttpResponse:
    assert isinstance(request.user, User)
    try:
        membership = accept_invitation(
            invitation=invitation,
            user=request.user,
            actor=user_principal(request, request.user),
        )
    except DomainError as error:
        return _page(request, invitation, refusal=error.page_detail)
    choose_company(request, membership)
    messages.success(request, f"Welcome to {invitation.company.name}.")
    return redirect("/")


def _posted(request: HttpRequest, **fixed: str) -> dict[str, str] | None:
    """Return the posted data with the invitation's address, whatever the browser sent; None unless it is a POST."""
    return {**request.POST.dict(), **fixed} if request.method == "POST" else None


def _page(
    request: HttpRequest,
    invitation: Invitation,
    form: SignUpForm | SignInForm | None = None,
    *,
    is_new: bool = False,
    refusal: str = "",
) -> HttpResponse:
    if form is not None and not form.is_bound:
        form.initial = {"email": invitation.email, "login": invitation.email}
    is_signed_in = request.user.is_authenticated
    context = {
        "invitation": invitation,
        "role": Role(invitation.role).label.lower(),
        "form": form,
        "is_new": is_new,
        "refusal": refusal,
        "is_signed_in": is_signed_in,
        "is_for_me": isinstance(request.user, User) and invitation.email == request.user.email,
    }
    status = 409 if refusal else 422 if form is not None and form.errors else 200
    return render(request, "accounts/accept_invitation.html", context, status=status)
