"""Hashes, fingerprints and peppers: bcrypt is limited and never runs for a wrong secret; hashes are upgraded at the next match."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bcrypt
import pytest
from django.conf import settings

from apikeys import grants, hashers, keys
from apikeys.models import ApiKeySecret
from apikeys.services import IssuedKey
from core.errors import TemporarilyUnavailable
from core.security import crypto
from core.tenancy import system_context, tenant_context
from core.valkey import commands
from tests.clients import ApiClient
from tests.factories import World

PEPPER_ONE, PEPPER_TWO = "1:" + "a1" * 32, "2:" + "b2" * 32


@pytest.fixture
def bcrypt_calls(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """How often bcrypt was asked to check or to hash."""
    calls = []
    for name in ("checkpw", "hashpw"):
        original = getattr(bcrypt, name)
        monkeypatch.setattr(
            bcrypt, name, lambda *args, name=name, original=original: (calls.append(name), original(*args))[1]
        )
    return calls


def row_of(world: World) -> ApiKeySecret:
    with tenant_context(world.tenant()):
        return ApiKeySecret.objects.get()


def cold_get(client: Any) -> Any:
    """As a process that has never seen the key, after Valkey has lost everything."""
    grants.COPIES.clear()
    commands.client().flushall()
    return client.get("/v1/whoami")


def test_the_default_is_bcrypt_with_twelve_rounds_of_the_sha256() -> None:
    assert settings.API_KEY_HASHER == "bcrypt_sha256"
    text = (Path(settings.BASE_DIR) / "config/settings/base.py").read_text()
    assert 'env.int("API_KEY_BCRYPT_ROUNDS", default=12)' in text
    secret = keys.generate("live").text
    encoded = hashers.make_hash(secret)
    assert encoded.startswith("bcrypt_sha256$2b$04$")
    assert hashers.hash_matches(secret, encoded)
    # bcrypt alone would not see what differs after 72 bytes; of the SHA-256 it sees all.
    long = "x" * 100
    assert not hashers.hash_matches(long + "a", hashers.make_hash(long + "b"))


def test_sha256_is_self_describing_too(settings: Any) -> None:
    settings.API_KEY_HASHER = "sha256"
    encoded = hashers.make_hash("pm_live_x")
    assert encoded == "sha256$" + crypto.sha256_hex(b"pm_live_x")
    assert hashers.hash_matches("pm_live_x", encoded)
    assert not hashers.hash_matches("pm_live_y", encoded)
    with pytest.raises(hashers.UnknownScheme):
        hashers.hash_matches("x", "md5$abc")


def test_bcrypt_runs_at_the_first_use_and_never_for_a_wrong_secret(
    world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient], bcrypt_calls: list[Any]
) -> None:
    issued = issue_key(world.company)
    assert bcrypt_calls == ["hashpw"]
    wrong = keys.generate("live").text
    forged = issued.client_secret[:16] + wrong[16:40]
    forged += keys.checksum(forged)
    for _ in range(5):
        assert api(forged).get("/v1/whoami").code == "invalid_credentials"
    assert bcrypt_calls == ["hashpw"]
    client = api(issued.client_secret)
    for _ in range(3):
        assert cold_get(client).status == 200
    assert bcrypt_calls == ["hashpw", "checkpw"]


def test_hash_moves_to_the_configured_scheme_at_the_next_match(
    world: World,
    issue_key: Callable[..., IssuedKey],
    api: Callable[..., ApiClient],
    settings: Any,
    bcrypt_calls: list[Any],
) -> None:
    settings.API_KEY_HASHER = "sha256"
    issued = issue_key(world.company)
    client = api(issued.client_secret)
    assert cold_get(client).status == 200
    assert row_of(world).encoded_hash.startswith("sha256$")
    settings.API_KEY_HASHER = "bcrypt_sha256"
    assert cold_get(client).status == 200
    assert row_of(world).encoded_hash.startswith("bcrypt_sha256$2b$04$")
    settings.API_KEY_BCRYPT_ROUNDS = 5
    assert cold_get(client).status == 200
    assert row_of(world).encoded_hash.startswith("bcrypt_sha256$2b$05$")
    bcrypt_calls.clear()
    assert cold_get(client).status == 200
    assert bcrypt_calls == []


def test_new_pepper_takes_over_at_the_next_match(
    world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient], settings: Any
) -> None:
    settings.API_KEY_PEPPERS = PEPPER_ONE
    issued = issue_key(world.company)
    client = api(issued.client_secret)
    assert cold_get(client).status == 200
    settings.API_KEY_PEPPERS = f"{PEPPER_TWO},{PEPPER_ONE}"
    assert cold_get(client).status == 200
    assert row_of(world).fingerprint.startswith("2-")
    settings.API_KEY_PEPPERS = PEPPER_TWO
    assert cold_get(client).status == 200


@pytest.mark.parametrize("replacement", [PEPPER_TWO, "1:" + "c3" * 32], ids=["new version", "same version"])
def test_keys_survive_a_lost_pepper_and_forged_secrets_are_refused(
    world: World,
    issue_key: Callable[..., IssuedKey],
    api: Callable[..., ApiClient],
    settings: Any,
    replacement: Any,
) -> None:
    settings.API_KEY_PEPPERS = PEPPER_ONE
    issued = issue_key(world.company)
    settings.API_KEY_PEPPERS = replacement
    forged = issued.client_secret[:16] + keys.generate("live").text[16:40]
    forged += keys.checksum(forged)
    assert api(forged).get("/v1/whoami").code == "invalid_credentials"
    assert cold_get(api(issued.client_secret)).status == 200
    assert row_of(world).fingerprint.startswith(crypto.peppers().current.label)


def test_the_stored_hash_or_fingerprint_is_not_a_credential(
    world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]
) -> None:
    issue_key(world.company)
    row = row_of(world)
    for stolen in (row.encoded_hash, row.fingerprint, row.locator, row.fingerprint.partition("$")[2]):
        assert api(stolen).get("/v1/whoami").code == "invalid_credentials"


def test_request_gets_503_when_all_bcrypt_slots_are_taken(
    world: World,
    issue_key: Callable[..., IssuedKey],
    api: Callable[..., ApiClient],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    issued = issue_key(world.company)
    slots = threading.BoundedSemaphore(1)
    monkeypatch.setattr(hashers, "_bcrypt_slots", slots)
    monkeypatch.setattr(hashers, "BCRYPT_WAIT_SECONDS", 0.01)
    with slots:
        answer = api(issued.client_secret).get("/v1/whoami")
    assert (answer.status, answer.code) == (503, "temporarily_unavailable")
    assert api(issued.client_secret).get("/v1/whoami").status == 200


def test_bcrypt_concurrency_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    running, most, lock = 0, 0, threading.Lock()
    gate = threading.Event()

    def slow(*_args: Any) -> Any:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
            if running == hashers.MAX_PARALLEL_BCRYPT:
                gate.set()
        gate.wait(timeout=5)
        with lock:
            running -= 1
        return True

    monkeypatch.setattr(bcrypt, "checkpw", slow)
    threads = [
        threading.Thread(target=hashers.hash_matches, args=("x", "bcrypt_sha256$2b$04$" + "x" * 53))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == hashers.MAX_PARALLEL_BCRYPT


@pytest.mark.parametrize("text", ["", "1:short", ":" + "a" * 40, "a" * 64, f"{PEPPER_ONE},{PEPPER_ONE}"])
def test_invalid_peppers_are_refused_with_instructions(text: str) -> None:
    with pytest.raises(crypto.CryptoMisconfigured) as refused:
        crypto.parse_peppers(text)
    assert "a" * 40 not in str(refused.value)


def test_two_secrets_with_one_locator_cannot_exist(
    world: World, issue_key: Callable[..., IssuedKey], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = issue_key(world.company)
    clash, fresh = keys.parse(first.client_secret), keys.generate("live")
    offered = [clash, fresh]
    monkeypatch.setattr(keys, "generate", lambda mode: offered.pop(0))
    with pytest.raises(TemporarilyUnavailable):
        issue_key(world.company)
    assert issue_key(world.company).client_secret == fresh.text
    with system_context(reason="tests"):
        assert ApiKeySecret.objects.filter(locator=clash.locator).count() == 1
