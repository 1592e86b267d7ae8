"""Staff users with exactly the permissions that a test gives them."""

import logging

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import Permission
from django.test import Client

import config.admin
from accounts.models import User
from tests.clients import sign_in
from tests.factories import make_user


def make_staff(*permissions: str, superuser: bool = False) -> User:
    """Return a member of staff with a second factor and only these permissions (`app_label.codename`)."""
    user = make_user("staff", is_staff=True, is_superuser=superuser)
    Authenticator.objects.create(user=user, type=Authenticator.Type.TOTP, data={"secret": "unused"})
    wanted = {tuple(name.split(".", 1)) for name in permissions}
    found = {
        (one.content_type.app_label, one.codename): one
        for one in Permission.objects.select_related("content_type")
    }
    user.user_permissions.set(found[name] for name in wanted)
    return user


def staff_browser(*permissions: str, superuser: bool = False) -> Client:
    """Return the browser of such a member of staff, signed in a moment ago."""
    return sign_in(make_staff(*permissions, superuser=superuser))


def log_no_refused_filter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave lists' refused filters out of the log: of thousands of requests, their tracebacks take a fifth of the time."""
    monkeypatch.setattr(logging.getLogger("django.security.DisallowedModelAdminLookup"), "disabled", True)


def look_up_once(monkeypatch: pytest.MonkeyPatch, user: User) -> None:
    """Keep one user with a second factor and what they may for all requests, where these do not change: half of a request's time."""
    assert is_mfa_enabled(user)
    monkeypatch.setattr(ModelBackend, "get_user", lambda self, user_id: user if user_id == user.pk else None)
    monkeypatch.setattr(config.admin, "is_mfa_enabled", lambda one: one.pk == user.pk or is_mfa_enabled(one))
