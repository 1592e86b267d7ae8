"""Sign-up and sign-in with django-allauth as configured, and their entries in the audit trail."""

import re
import time
from collections.abc import Callable

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value, yield_hotp_counters_from_time
from django.core import mail
from django.test import Client

from accounts.models import User
from accounts.selectors import memberships_of
from audit.models import AuditEntry, StaffEntry
from core.tenancy import system_context, tenant_context
from tests.factories import PASSWORD, World

Login = Callable[..., Client]


def trail(world: World, action: str) -> list[AuditEntry]:
    with tenant_context(world.company.live_tenant):
        return list(AuditEntry.objects.filter(action=action))


def totp_code(secret: str) -> str:
    return format_hotp_value(hotp_value(secret, next(iter(yield_hotp_counters_from_time()))))


def test_sign_up_verify_and_create_a_company() -> None:
    mail.outbox.clear()
    client = Client()
    email = f"new-{time.time_ns()}@Example.com"

    signed_up = client.post("/accounts/signup/", {"email": email, "password1": PASSWORD})
    code = re.search(r"^([A-Z0-9]{3,}(?:-[A-Z0-9]+)*)$", mail.outbox[0].body, re.MULTILINE)[1]
    verified = client.post("/accounts/confirm-email/", {"code": code})

    assert signed_up["Location"] == "/accounts/confirm-email/"
    assert verified["Location"] == "/companies/new/"
    assert client.post("/companies/new/", {"name": "Newcomers"})["Location"] == "/"
    user = User.objects.get(email=email.lower())
    assert [m.company.name for m in memberships_of(user)] == ["Newcomers"]


def test_unverified_user_has_no_access() -> None:
    client = Client()
    client.post("/accounts/signup/", {"email": f"lazy-{time.time_ns()}@example.com", "password1": PASSWORD})

    assert client.get("/companies/new/").status_code == 302
    assert "_auth_user_id" not in client.session


@pytest.mark.parametrize("password", ["short", "password1234", "123456789012345"])
def test_weak_passwords_are_refused(password: str) -> None:
    email = f"weak-{time.time_ns()}@example.com"

    response = Client().post("/accounts/signup/", {"email": email, "password1": password})

    assert response.status_code == 200
    assert b"id_password1_error" in response.content
    assert not User.objects.filter(email=email).exists()


def test_signing_up_twice_does_not_reveal_that_the_account_exists(world: World) -> None:
    mail.outbox.clear()

    response = Client().post("/accounts/signup/", {"email": world.owner.email, "password1": PASSWORD})

    assert response["Location"] == "/accounts/confirm-email/"
    assert "already" in mail.outbox[0].body


def test_sign_in_is_recorded_in_each_company(world: World) -> None:
    response = Client().post(
        "/accounts/login/",
        {"login": world.owner.email.upper(), "password": PASSWORD},
        REMOTE_ADDR="203.0.113.9",
    )

    assert response["Location"] == "/"
    (entry,) = trail(world, "user.signed_in")
    assert (entry.actor_id, entry.ip) == (world.owner.public_id, "203.0.113.9")
    assert entry.request_id == response.headers["X-Request-Id"]


def test_failed_sign_in_is_visible_to_staff_only(world: World) -> None:
    response = Client().post("/accounts/login/", {"login": world.owner.email, "password": "wrong"})

    assert response.status_code == 200
    assert trail(world, "user.signed_in") == []
    assert trail(world, "user.sign_in_failed") == []
    with system_context(reason="test"):
        entry = StaffEntry.objects.get(action="user.sign_in_failed", detail__email=world.owner.email)
    assert "wrong" not in str(entry.detail)


@pytest.mark.parametrize("following", ["https://evil.test/", "//evil.test/", "http:evil"])
def test_signing_in_never_redirects_to_another_site(world: World, following: str) -> None:
    response = Client().post(
        "/accounts/login/", {"login": world.owner.email, "password": PASSWORD, "next": following}
    )

    assert response["Location"] == "/"


def test_authenticator_code_is_required_and_its_secret_is_encrypted(world: World, login: Login) -> None:
    client = login(world.owner, world.company)
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    page = client.get("/accounts/2fa/totp/activate/").content.decode()
    secret = re.search(r'id="authenticator_secret"[^>]*value="([A-Z2-7]+)"', page)[1]

    client.post("/accounts/2fa/totp/activate/", {"code": totp_code(secret)})

    stored = Authenticator.objects.get(user=world.owner, type=Authenticator.Type.TOTP)
    assert secret not in str(stored.data)
    assert isinstance(stored.wrap(), TOTP)
    assert [entry.detail["factor"] for entry in trail(world, "user.second_factor_added")] == [
        "totp",
        "recovery_codes",
    ]
    fresh = Client()
    asked = fresh.post("/accounts/login/", {"login": world.owner.email, "password": PASSWORD})
    assert asked["Location"] == "/accounts/2fa/authenticate/"
    assert fresh.get("/team/").status_code == 302
    assert trail(world, "user.signed_in") == []


def test_password_reset_by_mail_is_recorded(world: World) -> None:
    mail.outbox.clear()
    client = Client()
    client.post("/accounts/password/reset/", {"email": world.owner.email})
    link = re.search(r"http://testserver(/accounts/password/reset/key/\S+/)", mail.outbox[0].body)[1]

    form = client.get(link, follow=True)
    response = client.post(
        form.redirect_chain[-1][0],
        {"password1": "another-long-password-7", "password2": "another-long-password-7"},
    )

    assert response.status_code == 302
    world.owner.refresh_from_db()
    assert world.owner.check_password("another-long-password-7")
    assert len(trail(world, "user.password_changed")) == 1


@pytest.mark.parametrize(
    "path",
    [
        "/accounts/login/", "/accounts/signup/", "/accounts/password/reset/", "/accounts/password/reset/done/",
    ],
)  # fmt: skip
def test_sign_in_pages_obey_the_csp_and_use_our_design(path: str) -> None:
    response = Client().get(path)
    html = response.content.decode()

    assert "script-src 'self'" in response.headers["Content-Security-Policy"]
    assert "unsafe" not in response.headers["Content-Security-Policy"]
    assert "pomelo/pomelo.css" in html
    assert not re.search(r"\sstyle=|\son\w+=\"|<script>", html)
    assert html.count("<h1>") == 1


@pytest.mark.parametrize(
    "path",
    [
        "/accounts/2fa/", "/accounts/2fa/totp/activate/", "/accounts/2fa/webauthn/", "/accounts/2fa/webauthn/add/",
        "/accounts/email/", "/accounts/password/change/", "/accounts/reauthenticate/", "/accounts/logout/",
    ],
)  # fmt: skip
def test_account_pages_obey_the_csp_and_use_our_design(world: World, login: Login, path: str) -> None:
    client = login(world.owner, world.company)
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})

    response = client.get(path, follow=True)
    html = response.content.decode()

    assert response.status_code == 200
    assert "pomelo/pomelo.css" in html
    assert not re.search(r"\sstyle=|\son\w+=\"|<script>", html)
    assert html.count("<h1") == 1


@pytest.mark.parametrize(
    "email",
    ["a@[127.0.0.1]", "a@127.0.0.10", "jörg@example.com", "x" * 65 + "@example.com", "a@exa\u200bmple"],
)
@pytest.mark.parametrize("page", ["/accounts/signup/", "/accounts/password/reset/"])
def test_undeliverable_address_is_refused_as_for_customers(page: str, email: str) -> None:
    response = Client().post(page, {"email": email, "password1": PASSWORD})

    assert response.status_code == 200
    assert "This is not an email address." in response.content.decode()
    assert not User.objects.filter(email=email.lower()).exists()


def test_international_address_is_stored_in_ascii_and_signs_in_in_either_spelling() -> None:
    name = f"jan-{time.time_ns()}"
    client = Client()
    client.post("/accounts/signup/", {"email": f"{name}@Exämple.com", "password1": PASSWORD})
    kept = f"{name}@xn--exmple-cua.com"
    assert EmailAddress.objects.filter(email=kept).update(verified=True) == 1

    for spelling in (kept, f"{name}@exämple.com"):
        person = Client()
        person.post("/accounts/login/", {"login": spelling, "password": PASSWORD})
        assert User.objects.get(id=person.session["_auth_user_id"]).email == kept
