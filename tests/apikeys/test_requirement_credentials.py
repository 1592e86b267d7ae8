"""The requirement documents on credentials and key storage: each test quotes the sentence it holds us to."""

import hmac
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bcrypt
import pytest
from django.conf import settings as django_settings
from django.test import Client

from apikeys import grants, hashers, keys
from apikeys.models import ApiKeySecret
from apikeys.services import IssuedKey
from core.tenancy import tenant_context
from core.valkey import commands
from tests.clients import ApiClient
from tests.factories import World

SECRET = re.compile(keys.SCANNER_PATTERN)


def test_client_id_and_client_secret_per_key(
    world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]
) -> None:
    """ "Client ID + Client Secret per key." """
    first, second = issue_key(world.company), issue_key(world.company)
    assert re.fullmatch(r"key_[0-9a-z]{26}", first.client_id)
    assert len({first.client_id, second.client_id, first.client_secret, second.client_secret}) == 4
    assert api(first.client_secret, client_id=first.client_id).get("/v1/whoami").status == 200
    assert (
        api(first.client_secret, client_id=second.client_id).get("/v1/whoami").code == "invalid_credentials"
    )


def test_the_secret_is_generated_from_a_csprng(monkeypatch: pytest.MonkeyPatch) -> None:
    """ "The secret is generated from a CSPRNG" """
    drawn = []
    original = keys.secrets.SystemRandom.choice
    monkeypatch.setattr(
        keys.secrets,
        "choice",
        lambda alphabet: drawn.append(1) or original(keys.secrets.SystemRandom(), alphabet),
    )
    keys.generate("live")
    assert len(drawn) == 32
    assert not hasattr(keys, "random")


def test_the_secret_is_pm_live_and_32_random_characters() -> None:
    """ "Generate API key: pm_live_{32_random_chars}" (and a checksum of 6, so that a typing error is noticed)"""
    assert re.fullmatch(r"pm_live_[0-9A-Za-z]{32}[0-9A-Za-z]{6}", keys.generate("live").text)


def test_the_secret_is_returned_once_and_never_shown_again(
    world: World, login: Callable[..., Client]
) -> None:
    """ "returned once" / "Display plaintext key once to user" / "never returned by any endpoint, and never shown again" """
    browser = login(world.owner)
    form = {"name": "x", "kind": "server", "scopes": ["customers:read"], "expiry": "90", "rate_limit": "60"}
    page = browser.post("/keys/new/", form)
    (secret,) = set(SECRET.findall(page.content.decode()))
    assert page.headers["Cache-Control"] == "no-store"
    listed = browser.get("/keys/").content.decode()
    client_id = re.search(r"/keys/(key_[0-9a-z]{26})/", listed)[1]
    for path in ("/keys/", f"/keys/{client_id}/", f"/keys/{client_id}/edit/", f"/keys/{client_id}/rotate/"):
        assert not SECRET.search(browser.get(path).content.decode())
    assert keys.parse(secret).display in listed


@pytest.mark.parametrize("scheme", ["sha256", "bcrypt_sha256"])
def test_the_secret_is_stored_hashed(
    world: World, issue_key: Callable[..., IssuedKey], settings: Any, scheme: str
) -> None:
    """ "and stored hashed (SHA-256)" / "Hash API keys with bcrypt before storing" """
    settings.API_KEY_HASHER = scheme
    issued = issue_key(world.company)
    with tenant_context(world.tenant()):
        row = ApiKeySecret.objects.get()
    assert row.encoded_hash.startswith(f"{scheme}$")
    assert hashers.hash_matches(issued.client_secret, row.encoded_hash)
    stored = " ".join(str(getattr(row, field.attname)) for field in ApiKeySecret._meta.concrete_fields)
    assert issued.client_secret[16:] not in stored


def test_bcrypt_with_salt_rounds_12() -> None:
    """ "Hash with bcrypt (salt rounds: 12)" """
    base = (Path(django_settings.BASE_DIR) / "config/settings/base.py").read_text()
    assert 'API_KEY_HASHER", default="bcrypt_sha256"' in base
    assert 'API_KEY_BCRYPT_ROUNDS", default=12' in base
    secret = keys.generate("live").text
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(django_settings, "API_KEY_BCRYPT_ROUNDS", 12)
        encoded = hashers.make_hash(secret)
    assert encoded.startswith("bcrypt_sha256$2b$12$")
    assert bcrypt.checkpw(hashers._prehash(secret), encoded.removeprefix("bcrypt_sha256").encode())


def test_verification_is_constant_time(
    world: World,
    issue_key: Callable[..., IssuedKey],
    api: Callable[..., ApiClient],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """ "Verification is constant-time." Every comparison of something secret goes through hmac.compare_digest or bcrypt."""
    compared = []
    original = hmac.compare_digest
    monkeypatch.setattr(hmac, "compare_digest", lambda a, b: compared.append(1) or original(a, b))
    issued = issue_key(world.company)
    commands.client().flushall()
    grants.COPIES.clear()
    assert api(issued.client_secret, client_id=issued.client_id).get("/v1/whoami").status == 200
    assert len(compared) >= 2
    for module in ("hashers", "grants", "authentication", "verification"):
        text = (Path(django_settings.BASE_DIR) / "apikeys" / f"{module}.py").read_text()
        assert not re.search(r"(fingerprint|digest|seal|encoded|client_id)\w* (==|!=) ", text), module


def test_each_request_compares_the_hash_or_a_proof_that_it_matched(
    world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]
) -> None:
    """ "Verify API key by comparing hash on each request": remembered for at most an hour, under a keyed hash of the secret."""
    issued = issue_key(world.company)
    client = api(issued.client_secret)
    for _ in range(3):
        assert client.get("/v1/whoami").status == 200
    client.secret = issued.client_secret[:-7] + ("A" if issued.client_secret[-7] != "A" else "B") + "000000"
    assert client.get("/v1/whoami").code == "invalid_credentials"


def test_keys_cannot_be_recovered_from_the_hash(
    world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]
) -> None:
    """ "Storing API keys in plaintext exposes them if database is compromised." /
    "Database compromise doesn't expose API keys" / "Keys cannot be recovered from hash": what is stored logs nobody in."""
    issue_key(world.company)
    with tenant_context(world.tenant()):
        row = ApiKeySecret.objects.get()
    for stolen in (row.encoded_hash, row.fingerprint, row.encoded_hash.rpartition("$")[2]):
        for headers in (
            {"Authorization": f"Bearer {stolen}"},
            {"X-Client-Id": "x", "X-Client-Secret": stolen},
        ):
            assert api().get("/v1/whoami", headers=headers).status == 401


def test_brute_force_is_infeasible(
    world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]
) -> None:
    """ "Brute force attacks infeasible (bcrypt is slow)": offline 2^142 guesses at bcrypt's pace for whoever knows what pages
    show, online twenty a minute."""
    secret = issue_key(world.company).client_secret
    unknown = keys.RANDOM_LENGTH - keys.LOCATOR_LENGTH
    assert math.log2(len(keys.ALPHABET)) * unknown > 128
    guesser = api()
    codes = []
    for number in range(25):
        body = f"{secret[:16]}{number:024d}"
        guess = body + keys.checksum(body)
        codes.append(guesser.get("/v1/whoami", headers={"Authorization": f"Bearer {guess}"}).code)
    assert codes[:20] == ["invalid_credentials"] * 20
    assert codes[-1] == "too_many_failures"
    assert api(secret).get("/v1/whoami").status == 200
