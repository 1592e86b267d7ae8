"""Sign-up, sign-in and password reset, attacked with host headers, redirects and timing."""

import re
import statistics
import time
from typing import Any
from unittest import mock

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.core import mail
from django.test import Client, RequestFactory

from core.http.own_pages import own_page
from tests.clients import random_address, sign_in
from tests.factories import PASSWORD, World, make_user

HOST = "testserver:4444"
NEW_PASSWORD = "a-long-password-of-mine-42"


def visitor(**sent: Any) -> Client:
    return Client(REMOTE_ADDR=random_address(), **sent)


# --- the host of a request ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("known", [True, False])
def test_password_reset_link_ignores_the_host_header(known: bool) -> None:
    email = make_user("victim").email if known else "nobody-here@example.com"
    mail.outbox.clear()

    visitor(HTTP_HOST=HOST).post("/accounts/password/reset/", {"email": email})

    [message] = mail.outbox
    body = message.body + "".join(str(content) for content, _ in message.alternatives)
    assert "4444" not in body
    assert "http://testserver/accounts/" in body


def test_sign_up_mail_for_a_taken_address_ignores_the_host_header() -> None:
    email = make_user("victim").email
    mail.outbox.clear()

    visitor(HTTP_HOST=HOST).post("/accounts/signup/", {"email": email, "password1": NEW_PASSWORD})

    [message] = mail.outbox
    assert "4444" not in message.body
    assert "http://testserver/accounts/password/reset/" in message.body


def test_another_host_header_does_not_reset_the_failure_count(settings: Any) -> None:
    settings.ACCOUNT_RATE_LIMITS = {"login_failed": "3/5m/key", "login": "1000/m/ip"}
    email = make_user("victim").email

    texts = []
    for port in range(8):
        browser = visitor(HTTP_HOST=f"testserver:{4000 + port}")
        answer = browser.post("/accounts/login/", {"login": email, "password": "wrong-password-here"})
        texts.append(answer.content.decode())

    assert "Too many failed login attempts" in texts[-1]


# --- the place to return to ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        "http://testserver//evil.example/x",
        "http://testserver//evil.example",
        "//evil.example",
        "http://testserver/\\evil.example",
        "http://testserver\\\\evil.example",
        "/\\evil.example",
        "///evil.example",
        "http:///evil.example",
        "http://testserver@evil.example/",
        "javascript:alert(1)",
        "http://testserver:80@evil.example/",
        "\t//evil.example",
    ],
)
def test_redirects_never_leave_this_host(world: World, address: str) -> None:
    browser = sign_in(world.owner, world.company)
    request = RequestFactory().get("/")

    answers = [
        browser.post("/mode/", {"mode": "test", "onward": address}),
        browser.post("/mode/", {"mode": "test", "next": address}),
        browser.post("/mode/", {"mode": "test"}, headers={"Referer": address}),
        browser.post("/theme/", {"theme": "dark", "next": address}),
        browser.post("/theme/", {"theme": "dark"}, headers={"Referer": address}),
    ]

    for answer in answers:
        assert answer.status_code == 302
        assert re.match(r"/(?![/\\])", answer.headers["Location"]), answer.headers["Location"]
    assert not own_page(request, address).startswith("//")


def test_redirect_to_an_own_page_still_works(world: World) -> None:
    browser = sign_in(world.owner, world.company)

    answer = browser.post("/mode/", {"mode": "test", "onward": "http://testserver/keys/?a=1"})

    assert answer.headers["Location"] == "/keys/?a=1"


# --- the stopwatch ------------------------------------------------------------------------------------------------------


def hashes_of(path: str, form: dict[str, str]) -> int:
    """How many passwords are hashed, which is what a stopwatch tells: a hash takes a quarter of a second, all else 10 ms."""
    real = MD5PasswordHasher.encode
    with mock.patch.object(MD5PasswordHasher, "encode", autospec=True, side_effect=real) as encode:
        answer = visitor().post(path, form)
    assert answer.status_code in (200, 302, 429)
    return int(encode.call_count)


def test_signing_up_takes_as_long_for_a_taken_address() -> None:
    taken, free = make_user("taken").email, f"free-{make_user().pk.hex}@example.com"

    counts = [
        hashes_of("/accounts/signup/", {"email": email, "password1": NEW_PASSWORD}) for email in (free, taken)
    ]

    assert counts[0] == counts[1] >= 1


def test_signing_up_takes_as_long_when_no_mail_may_be_sent_any_more() -> None:
    taken = make_user("taken").email

    counts = [hashes_of("/accounts/signup/", {"email": taken, "password1": NEW_PASSWORD}) for _ in range(3)]

    assert len(set(counts)) == 1


def test_repeated_sign_up_reveals_nothing_either() -> None:
    taken, free = make_user("taken").email, f"free-{make_user().pk.hex}@example.com"

    answers = [
        [
            visitor().post("/accounts/signup/", {"email": email, "password1": NEW_PASSWORD}).status_code
            for _ in range(3)
        ]
        for email in (free, taken)
    ]

    assert answers[0] == answers[1]


def test_response_times_do_not_reveal_taken_addresses(settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher"]
    taken = [make_user("taken").email for _ in range(5)]
    free = [f"free-{make_user().pk.hex}@example.com" for _ in range(5)]
    times: dict[str, list[float]] = {"taken": [], "free": []}

    # In turns, so that whatever else the machine does falls on both.
    for pair in zip(taken, free, strict=True):
        for kind, email in zip(times, pair, strict=True):
            started = time.perf_counter()
            answer = visitor().post("/accounts/signup/", {"email": email, "password1": NEW_PASSWORD})
            times[kind].append(time.perf_counter() - started)
            assert answer.status_code == 302

    medians = {kind: statistics.median(each) for kind, each in times.items()}
    # Without the hash the one took a twentieth of the other.
    assert 0.5 < medians["taken"] / medians["free"] < 2, medians


def test_signing_in_takes_as_long_for_an_unknown_address() -> None:
    known, locked, gone = make_user("known"), make_user("locked"), make_user("gone")
    locked.set_unusable_password()
    locked.save()
    gone.is_active = False
    gone.save()
    emails = [known.email, f"unknown-{known.pk.hex}@example.com", locked.email, gone.email]

    counts = [
        hashes_of("/accounts/login/", {"login": email, "password": "wrong" + PASSWORD}) for email in emails
    ]

    assert len(set(counts)) == 1, dict(zip(emails, counts, strict=True))


# --- headers ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/accounts/login/", "/", "/healthz", "/nothing-here"])
def test_every_response_has_a_permissions_policy(path: str) -> None:
    policy = visitor().get(path).headers["Permissions-Policy"]

    for power in ("camera", "microphone", "geolocation", "payment", "usb"):
        assert f"{power}=()" in policy
    assert "publickey-credentials-get=(self)" in policy
