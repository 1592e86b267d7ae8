"""Signing in without Valkey works, with limits per process."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.core import mail
from django.core.cache import cache
from django.test import Client

from apikeys.services import IssuedKey
from core.engines.valkey import Valkey
from core.operations.health import check_readiness
from core.valkey import commands
from tests.accounts.test_signing_in import totp_code
from tests.clients import ApiClient, random_address
from tests.engines import private_valkey
from tests.factories import PASSWORD, World, make_user


@pytest.fixture(scope="module")
def server() -> Iterator[Valkey]:
    with private_valkey() as started:
        yield started


@pytest.fixture(params=["stopped", "a cluster without a node"], autouse=True)
def _without_valkey(
    request: pytest.FixtureRequest, server: Valkey, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    monkeypatch.setattr(commands, "PAUSE_SECONDS", 0.0)
    if request.param == "stopped":
        settings.VALKEY_URL = server.url
        assert commands.call("PING")
        server.stop()
        yield
        server.restart()
    else:
        settings.VALKEY_URL = "redis+cluster://127.0.0.1:1"
        yield


def sign_in_with(login: str, password: str = PASSWORD, *, ip: str | None = None) -> tuple[Client, Any]:
    browser = Client(REMOTE_ADDR=ip or random_address())
    return browser, browser.post("/accounts/login/", {"login": login, "password": password})


def test_person_signs_in_and_works(world: World) -> None:
    browser, answer = sign_in_with(world.owner.email)

    assert answer["Location"] == "/"
    assert browser.get("/keys/").status_code == 200


def test_wrong_passwords_are_limited_per_account(world: World) -> None:
    for _ in range(5):
        assert b"not correct" in sign_in_with(world.owner.email, "wrong")[1].content

    assert b"Too many failed" in sign_in_with(world.owner.email)[1].content
    assert sign_in_with(world.teammate.email)[1]["Location"] == "/"


def test_second_factor_is_required_and_a_code_works_once(world: World) -> None:
    secret = generate_totp_secret()
    TOTP.activate(world.owner, secret)
    code = totp_code(secret)
    first, second = (sign_in_with(world.owner.email)[0] for _ in range(2))

    assert first.post("/accounts/2fa/authenticate/", {"code": code})["Location"] == "/"
    assert second.post("/accounts/2fa/authenticate/", {"code": code}).status_code == 200
    assert Authenticator.objects.filter(user=world.owner).exists()


def test_password_is_reset(world: World) -> None:
    mail.outbox.clear()
    browser = Client(REMOTE_ADDR=random_address())

    browser.post("/accounts/password/reset/", {"email": world.owner.email})
    link = re.search(r"http://testserver(/accounts/password/reset/key/\S+/)", mail.outbox[0].body)[1]
    form = browser.get(link, follow=True).redirect_chain[-1][0]
    new = "another-long-password-7"

    assert browser.post(form, {"password1": new, "password2": new}).status_code == 302
    assert sign_in_with(world.owner.email, new)[1]["Location"] == "/"


def test_person_signs_up() -> None:
    mail.outbox.clear()
    email = make_user("unused").email.replace("unused", "newcomer")
    browser = Client(REMOTE_ADDR=random_address())

    browser.post("/accounts/signup/", {"email": email, "password1": PASSWORD})
    code = re.search(r"^([A-Z0-9]{3,}(?:-[A-Z0-9]+)*)$", mail.outbox[0].body, re.MULTILINE)[1]

    assert browser.post("/accounts/confirm-email/", {"code": code})["Location"] == "/companies/new/"


def test_api_and_key_pages_keep_working(
    world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]
) -> None:
    issued = issue_key(world.company)

    assert api(issued.client_secret).get("/v1/whoami").status == 200


def test_readiness_warns_that_valkey_is_missing() -> None:
    assert str(check_readiness().results["valkey"]).startswith("warning: Valkey cannot be reached")


def test_fallback_cache_counts_and_expires_like_valkey() -> None:
    cache.set("a", {"n": 1}, 60)
    assert (cache.get("a"), cache.add("a", 2), cache.has_key("a")) == ({"n": 1}, False, True)
    cache.set("count", 1)
    assert (cache.incr("count", 2), cache.decr("count")) == (3, 2)
    cache.set_many({"b": 1, "c": 2})
    assert cache.get_many(["b", "c", "d"]) == {"b": 1, "c": 2}
    cache.delete_many(["b", "c"])
    assert cache.delete("a")
    assert cache.get("a", "gone") == "gone"
