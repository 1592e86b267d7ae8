"""Members of staff with exactly the permissions that a test gives them."""

from allauth.mfa.models import Authenticator
from django.contrib.auth.models import Permission
from django.test import Client

from accounts.models import User
from tests.clients import sign_in
from tests.factories import make_user


def make_staff(*permissions: str, superuser: bool = False) -> User:
    """Return a member of staff with a second factor and only these permissions (`app_label.codename`)."""
    user = make_user("staff", is_staff=True, is_superuser=superuser)
    Authenticator.objects.create(user=user, type=Authenticator.Type.TOTP, data={"secret": "unused"})
    for name in permissions:
        app, _, codename = name.partition(".")
        user.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
    return user


def staff_browser(*permissions: str, superuser: bool = False) -> Client:
    """Return the browser of such a member of staff, signed in a moment ago."""
    return sign_in(make_staff(*permissions, superuser=superuser))
