"""The recent-login check: what could hurt most asks the person to prove again who they are (docs/architecture.md, Pages).

Both a sign-in and a later re-authentication (password, authenticator app, passkey) count, for 30 minutes.
"""

import time
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar
from urllib.parse import urlencode

from allauth.account.authentication import get_authentication_records
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from core.http.own_pages import own_page

SESSION_SIGNED_IN_AT = "signed_in_at"

ViewT = TypeVar("ViewT", bound=Callable[..., HttpResponse])


def logged_in_recently(request: HttpRequest) -> bool:
    """Tell whether the person proved who they are within `ACCOUNT_REAUTHENTICATION_TIMEOUT` seconds (1800)."""
    if not request.user.is_authenticated:
        return False
    records = get_authentication_records(request, request.user)
    newest = max([request.session.get(SESSION_SIGNED_IN_AT, 0.0), *(record["at"] for record in records)])
    return time.time() - newest < settings.ACCOUNT_REAUTHENTICATION_TIMEOUT


def remember_sign_in(request: HttpRequest) -> None:
    """Note in the session that the person signed in now; allauth itself keeps no record of a first sign-in after sign-up."""
    request.session[SESSION_SIGNED_IN_AT] = time.time()


def recent_login_required(view: ViewT) -> ViewT:
    """Decorate a view so that it runs only after a recent login; otherwise the person is asked, then sent back.

    A form that was posted too late is not kept anywhere (it may hold secrets): the person comes back to the page the
    form was on and sends it again.
    """

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path())
        if logged_in_recently(request):
            return view(request, *args, **kwargs)
        asked_by_form = request.method not in ("GET", "HEAD")
        back = (
            own_page(request, request.META.get("HTTP_REFERER", ""))
            if asked_by_form
            else request.get_full_path()
        )
        return ask_again(request, back=back or "/")

    return guarded  # type: ignore[return-value]


def ask_again(request: HttpRequest, *, back: str) -> HttpResponse:
    """Return the way to confirm one's identity, from which the person comes to `back`, a path of ours."""
    if request.method not in ("GET", "HEAD"):
        messages.info(
            request, "Nothing has been changed yet: confirm your identity, then submit the form again."
        )
    ask = f"{reverse('account_reauthenticate')}?{urlencode({REDIRECT_FIELD_NAME: back})}"
    if request.headers.get("HX-Request") == "true":
        return HttpResponse(status=204, headers={"HX-Redirect": ask})
    return HttpResponseRedirect(ask)
