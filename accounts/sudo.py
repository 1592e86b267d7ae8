"""Sudo mode: sensitive actions require a recent login (docs/architecture.md, Pages).

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
    """Return whether the person has authenticated within `ACCOUNT_REAUTHENTICATION_TIMEOUT` seconds (1800)."""
    if not request.user.is_authenticated:
        return False
    records = get_authentication_records(request, request.user)
    newest = max([request.session.get(SESSION_SIGNED_IN_AT, 0.0), *(record["at"] for record in records)])
    return time.time() - newest < settings.ACCOUNT_REAUTHENTICATION_TIMEOUT


def record_sign_in(request: HttpRequest) -> None:
    """Record the sign-in in the session, because allauth does not record the first one after sign-up."""
    request.session[SESSION_SIGNED_IN_AT] = time.time()


def recent_login_required(view: ViewT) -> ViewT:
    """Decorate a view to require a recent login. Otherwise the person re-authenticates and is sent back.

    A form posted too late is not stored, because it may contain secrets: the person returns to the form's page and submits
    it again.
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
        return reauthenticate(request, back=back or "/")

    return guarded  # type: ignore[return-value]


def reauthenticate(request: HttpRequest, *, back: str) -> HttpResponse:
    """Redirect to re-authentication, which then returns to `back`, a path of this site."""
    if request.method not in ("GET", "HEAD"):
        messages.info(
            request, "Nothing has been changed yet: confirm your identity, then submit the form again."
        )
    ask = f"{reverse('account_reauthenticate')}?{urlencode({REDIRECT_FIELD_NAME: back})}"
    if request.headers.get("HX-Request") == "true":
        return HttpResponse(status=204, headers={"HX-Redirect": ask})
    return HttpResponseRedirect(ask)
