"""How django-allauth behaves here, and what is recorded of it.

The receivers of its signals stand here too (docs/architecture.md, Rooms: one file per app), connected by `AccountsConfig.ready()`.
"""

import time
from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import structlog
from allauth.account import signals as account_signals
from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context as allauth_context
from allauth.mfa import signals as mfa_signals
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.usersessions.adapter import DefaultUserSessionsAdapter
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from accounts.access import user_principal
from accounts.events import (
    PasswordChanged,
    SecondFactorAdded,
    SecondFactorRemoved,
    SessionsEnded,
    SignedIn,
)
from accounts.models import User
from accounts.services import record_failed_sign_in, record_for_companies
from accounts.sudo import remember_sign_in
from core.events import Event
from core.http.requests import actor_of, as_seen
from core.mail.words import in_mail
from core.security import crypto
from core.values.email_addresses import InvalidEmail, parse_email
from core.values.redaction import redact

log = structlog.get_logger(__name__)


class AccountAdapter(DefaultAccountAdapter):
    """Sign-up, sign-in and their mails."""

    def get_client_ip(self, request: HttpRequest) -> str:
        """Return the address that core.middleware decided on, which trusts only TRUSTED_PROXIES."""
        return as_seen(request).client_ip

    def get_signup_redirect_url(self, request: HttpRequest) -> str:
        """Send a new person on to create their company (an invitation's `next` comes before this)."""
        return reverse("accounts:create_company")

    def is_safe_url(self, url: str | None) -> bool:
        """Follow only paths of this site, never another host's address."""
        return bool(url) and str(url).startswith("/") and super().is_safe_url(url)

    def clean_email(self, email: str) -> str:
        """Return the address as it is kept: of the type that customers and senders have. Raises ValidationError."""
        try:
            return parse_email(email).lower()
        except InvalidEmail as error:
            raise ValidationError(str(error), code=error.code) from error

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send a mail of allauth's with addresses below PUBLIC_URL, and with nobody's words as a link.

        allauth makes addresses from the request's Host, which whoever asks for a mail to somebody else can choose (its
        port even where ALLOWED_HOSTS names the host), and shows the browser's own description of itself.
        """
        public = urlsplit(settings.PUBLIC_URL)
        ours = {
            name: urlunsplit((public.scheme, public.netloc, *urlsplit(str(value))[2:]))
            for name, value in context.items()
            if name.endswith("_url")
        }
        if "user_agent" in context:
            ours["user_agent"] = in_mail(str(redact(context["user_agent"])))
        ours["current_site"] = SimpleNamespace(name="Pomelo", domain=public.netloc)
        super().send_mail(template_prefix, email, {**context, **ours})

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        """Count failed sign-ins by the address tried. allauth counts by the request's Host too, and starts anew for each."""
        login = str(credentials.get("email", credentials.get("username", "")))
        return f"{urlsplit(settings.PUBLIC_URL).netloc}:{login.strip().lower()}"

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        """Record the failure where only staff see it."""
        email = str(credentials.get("email") or credentials.get("username") or "")
        record_failed_sign_in(
            email=email,
            actor=actor_of(request, kind="user", id="", name=email[:254] or "nobody"),
        )


class SessionsAdapter(DefaultUserSessionsAdapter):
    """The devices somebody is signed in on."""

    def end_sessions(self, sessions: Iterable[UserSession]) -> None:
        """Sign those devices out, and write it down where their person belongs."""
        ended = list(sessions)
        super().end_sessions(ended)
        if ended:
            request = allauth_context.request
            record_for_companies(
                kind=SessionsEnded,
                user=ended[0].user,
                actor=user_principal(request, ended[0].user),
                detail={"sessions": len(ended), "addresses": sorted({session.ip for session in ended})},
            )


class SessionSeenMiddleware:
    """Keeps when and from where each device was last seen, to ten minutes: not a write for every page.

    allauth's own middleware writes with each request.
    """

    SESSION_SEEN_AT = "seen_at"
    EVERY_SECONDS = 600

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request; note the device when the answer had to know who asks."""
        response = self.get_response(request)
        try:
            self._note(request)
        except (DatabaseError, InterfaceError):  # the page is made: it is shown all the same
            log.warning("session.not_noted", exc_info=True)
        return response

    def _note(self, request: HttpRequest) -> None:
        session = request.session
        if not (session.accessed and session.session_key and request.user.is_authenticated):
            return
        now = time.time()
        if now - session.get(self.SESSION_SEEN_AT, 0.0) >= self.EVERY_SECONDS:
            UserSession.objects.create_from_request(request)
            session[self.SESSION_SEEN_AT] = now


class MfaAdapter(DefaultMFAAdapter):
    """Second factors."""

    def encrypt(self, text: str) -> str:
        """Keep the secrets of authenticator apps and recovery codes encrypted at rest."""
        return crypto.encrypt_text(text)

    def decrypt(self, encrypted_text: str) -> str:
        """Undo `encrypt`; raises core.security.crypto.Undecryptable when its key is no longer configured."""
        return crypto.decrypt_text(encrypted_text)


def connect_signals() -> None:
    """Listen to what allauth tells. Called once, when Django is ready."""
    account_signals.user_logged_in.connect(_on_sign_in, dispatch_uid="accounts.sign_in")
    for name in ("password_changed", "password_set", "password_reset"):
        getattr(account_signals, name).connect(_on_password, dispatch_uid=f"accounts.{name}")
    mfa_signals.authenticator_added.connect(_on_factor_added, dispatch_uid="accounts.factor_added")
    mfa_signals.authenticator_reset.connect(_on_factor_added, dispatch_uid="accounts.factor_reset")
    mfa_signals.authenticator_removed.connect(_on_factor_removed, dispatch_uid="accounts.factor_removed")


def _record(kind: type[Event], request: HttpRequest, user: User, **detail: Any) -> None:
    record_for_companies(kind=kind, user=user, actor=user_principal(request, user), detail=detail)


def _on_sign_in(request: HttpRequest, user: User, **kwargs: Any) -> None:
    remember_sign_in(request)
    _record(SignedIn, request, user)


def _on_password(request: HttpRequest, user: User, **kwargs: Any) -> None:
    _record(PasswordChanged, request, user)


def _on_factor_added(request: HttpRequest, user: User, authenticator: Authenticator, **kwargs: Any) -> None:
    _record(SecondFactorAdded, request, user, factor=authenticator.type)


def _on_factor_removed(request: HttpRequest, user: User, authenticator: Authenticator, **kwargs: Any) -> None:
    _record(SecondFactorRemoved, request, user, factor=authenticator.type)
