"""Customizes django-allauth and records its events.

Receivers of its signals are here too (docs/architecture.md, Rooms: one file per app), connected by `AccountsConfig.ready()`.
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
from django.contrib.auth.signals import user_logged_out
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
from accounts.recent import forget_visits
from accounts.services import record_failed_sign_in, record_for_companies
from accounts.sudo import record_sign_in
from core.events import Event
from core.http.requests import actor_of, as_seen
from core.mail.words import email_safe
from core.security import crypto
from core.values.email_addresses import InvalidEmail, parse_email
from core.values.redaction import redact

log = structlog.get_logger(__name__)


class AccountAdapter(DefaultAccountAdapter):
    """Sign-up, sign-in and their emails."""

    def get_client_ip(self, request: HttpRequest) -> str:
        """Return the address determined by core.middleware, which trusts only TRUSTED_PROXIES."""
        return as_seen(request).client_ip

    def get_signup_redirect_url(self, request: HttpRequest) -> str:
        """Send a new user to the page that creates a company (an invitation's `next` takes precedence)."""
        return reverse("accounts:create_company")

    def is_safe_url(self, url: str | None) -> bool:
        """Allow only paths of this site, never URLs of other hosts."""
        return bool(url) and str(url).startswith("/") and super().is_safe_url(url)

    def clean_email(self, email: str) -> str:
        """Return the normalized address, under the same rules as customers and senders. Raises ValidationError."""
        try:
            return parse_email(email).lower()
        except InvalidEmail as error:
            raise ValidationError(str(error), code=error.code) from error

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send an allauth email with URLs below PUBLIC_URL, and without user-supplied text that could become a link.

        allauth builds URLs from the request's Host, which anyone who triggers an email to somebody else can choose (the
        port even if ALLOWED_HOSTS restricts the host), and it includes the browser's user agent.
        """
        public = urlsplit(settings.PUBLIC_URL)
        ours = {
            name: urlunsplit((public.scheme, public.netloc, *urlsplit(str(value))[2:]))
            for name, value in context.items()
            if name.endswith("_url")
        }
        if "user_agent" in context:
            ours["user_agent"] = email_safe(str(redact(context["user_agent"])))
        ours["current_site"] = SimpleNamespace(name="Pomelo", domain=public.netloc)
        super().send_mail(template_prefix, email, {**context, **ours})

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        """Count failed sign-ins by email address only. allauth also keys the count by the request's Host, which resets it."""
        login = str(credentials.get("email", credentials.get("username", "")))
        return f"{urlsplit(settings.PUBLIC_URL).netloc}:{login.strip().lower()}"

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        """Record the failure in the staff's audit trail."""
        email = str(credentials.get("email") or credentials.get("username") or "")
        record_failed_sign_in(
            email=email,
            actor=actor_of(request, kind="user", id="", name=email[:254] or "nobody"),
        )


class SessionsAdapter(DefaultUserSessionsAdapter):
    """The devices somebody is signed in on."""

    def end_sessions(self, sessions: Iterable[UserSession]) -> None:
        """Sign those devices out, and record it in the person's companies."""
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
    """Records when and from where each device was last seen, at most every ten minutes.

    allauth's own middleware writes on every request.
    """

    SESSION_SEEN_AT = "seen_at"
    EVERY_SECONDS = 600

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request; record the device if the response depended on the user."""
        response = self.get_response(request)
        try:
            self._note(request)
        except (DatabaseError, InterfaceError):  # the response is complete, so return it anyway
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
        """Encrypt the secrets of authenticator apps and recovery codes at rest."""
        return crypto.encrypt_text(text)

    def decrypt(self, encrypted_text: str) -> str:
        """Undo `encrypt`. Raises core.security.crypto.Undecryptable if the key is no longer configured."""
        return crypto.decrypt_text(encrypted_text)


def connect_signals() -> None:
    """Connect the receivers of allauth's signals. Called once, when Django is ready."""
    account_signals.user_logged_in.connect(_on_sign_in, dispatch_uid="accounts.sign_in")
    user_logged_out.connect(_on_sign_out, dispatch_uid="accounts.sign_out")
    for name in ("password_changed", "password_set", "password_reset"):
        getattr(account_signals, name).connect(_on_password, dispatch_uid=f"accounts.{name}")
    mfa_signals.authenticator_added.connect(_on_factor_added, dispatch_uid="accounts.factor_added")
    mfa_signals.authenticator_reset.connect(_on_factor_added, dispatch_uid="accounts.factor_reset")
    mfa_signals.authenticator_removed.connect(_on_factor_removed, dispatch_uid="accounts.factor_removed")


def _record(kind: type[Event], request: HttpRequest, user: User, **detail: Any) -> None:
    record_for_companies(kind=kind, user=user, actor=user_principal(request, user), detail=detail)


def _on_sign_in(request: HttpRequest, user: User, **kwargs: Any) -> None:
    record_sign_in(request)
    _record(SignedIn, request, user)


def _on_sign_out(request: HttpRequest | None, **kwargs: Any) -> None:
    if request is not None:
        forget_visits(request)


def _on_password(request: HttpRequest, user: User, **kwargs: Any) -> None:
    _record(PasswordChanged, request, user)


def _on_factor_added(request: HttpRequest, user: User, authenticator: Authenticator, **kwargs: Any) -> None:
    _record(SecondFactorAdded, request, user, factor=authenticator.type)


def _on_factor_removed(request: HttpRequest, user: User, authenticator: Authenticator, **kwargs: Any) -> None:
    _record(SecondFactorRemoved, request, user, factor=authenticator.type)
