"""SECRET_STORE=vault with a real OpenBao server: the lifecycle of a key, outages, and moving between stores."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import hvac
import pytest
from django.core.management import CommandError, call_command

from apikeys import grants
from apikeys.models import ApiKeySecret
from apikeys.services import IssuedKey, revoke_key, rotate_key
from apikeys.services.moving import move_secrets
from core.errors import TemporarilyUnavailable
from core.tenancy import tenant_context
from core.valkey import commands
from tests.apikeys.openbao import OpenBao, openbao
from tests.clients import ApiClient
from tests.factories import SYSTEM, World, make_key, new_secret

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def bao() -> Iterator[OpenBao]:
    with openbao() as server:
        yield server


@pytest.fixture
def vault(bao: OpenBao, settings: Any) -> Any:
    settings.SECRET_STORE = "vault"
    settings.VAULT_ADDR, settings.VAULT_TOKEN, settings.VAULT_MOUNT = bao.url, bao.token, "secret"
    return bao


def rows_of(world: World) -> list[ApiKeySecret]:
    with tenant_context(world.tenant()):
        return list(ApiKeySecret.objects.order_by("id"))


def forget_everything() -> None:
    grants.COPIES.clear()
    commands.client().flushall()


def test_the_database_holds_only_the_reference_and_vault_the_bcrypt_hash(
    world: World, vault: Any, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]
) -> None:
    """ "Hash API keys with bcrypt before storing in Vault." / "Store hash in Vault, not plaintext key" """
    issued = issue_key(world.company)
    (row,) = rows_of(world)
    assert (row.store, row.encoded_hash, row.fingerprint) == ("vault", "", "")
    stored = vault.client.secrets.kv.v2.read_secret_version(row.vault_path, raise_on_deleted_version=True)
    assert stored["data"]["data"]["hash"].startswith("bcrypt_sha256$2b$04$")
    assert issued.client_secret not in str(stored)
    assert api(issued.client_secret).get("/v1/whoami").status == 200
    forget_everything()
    assert api(issued.client_secret).get("/v1/whoami").status == 200
    wrong = (
        issued.client_secret[:20]
        + ("A" if issued.client_secret[20] != "A" else "B")
        + issued.client_secret[21:]
    )
    assert api(wrong).get("/v1/whoami").code == "invalid_credentials"


def test_rotation_and_revocation_work_as_with_the_database(
    world: World, vault: Any, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]
) -> None:
    issued = issue_key(world.company)
    with tenant_context(world.tenant()):
        second = rotate_key(key=issued.key, overlap=timedelta(0), secret=new_secret(), actor=SYSTEM)
    assert api(issued.client_secret).get("/v1/whoami").code == "key_revoked"
    assert api(second.client_secret).get("/v1/whoami").status == 200
    with tenant_context(world.tenant()):
        revoke_key(key=issued.key, actor=SYSTEM)
    assert api(second.client_secret).get("/v1/whoami").code == "key_revoked"


def test_hash_of_another_scheme_is_upgraded_in_vault_at_the_next_match(
    world: World,
    vault: Any,
    issue_key: Callable[..., IssuedKey],
    api: Callable[..., ApiClient],
    settings: Any,
) -> None:
    settings.API_KEY_HASHER = "sha256"
    issued = issue_key(world.company)
    settings.API_KEY_HASHER = "bcrypt_sha256"
    assert api(issued.client_secret).get("/v1/whoami").status == 200
    (row,) = rows_of(world)
    stored = vault.client.secrets.kv.v2.read_secret_version(row.vault_path, raise_on_deleted_version=True)
    assert stored["data"]["data"]["hash"].startswith("bcrypt_sha256$")


def test_with_vault_sealed_cached_keys_keep_working_and_others_get_503(
    world: World, vault: Any, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]
) -> None:
    known, unknown = issue_key(world.company), issue_key(world.company)
    client = api(known.client_secret)
    assert client.get("/v1/whoami").status == 200
    vault.seal()
    try:
        assert client.get("/v1/whoami").status == 200
        # Another process, which only has the grant in Valkey.
        grants.COPIES.clear()
        assert client.get("/v1/whoami").status == 200
        answer = api(unknown.client_secret).get("/v1/whoami")
        assert (answer.status, answer.code) == (503, "temporarily_unavailable")
        assert int(answer.headers["Retry-After"]) >= 1
        # A revocation does not wait for Vault.
        with tenant_context(world.tenant()):
            revoke_key(key=known.key, actor=SYSTEM)
        assert client.get("/v1/whoami").code == "key_revoked"
        with pytest.raises(TemporarilyUnavailable):
            make_key(world.company)
    finally:
        vault.unseal()
    assert api(unknown.client_secret).get("/v1/whoami").status == 200


def test_expired_grant_is_verified_with_vault_again(
    world: World,
    vault: Any,
    issue_key: Callable[..., IssuedKey],
    api: Callable[..., ApiClient],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    issued = issue_key(world.company)
    client = api(issued.client_secret)
    assert client.get("/v1/whoami").status == 200
    vault.seal()
    try:
        real = time.time
        monkeypatch.setattr("time.time", lambda: real() + grants.MATCH_SECONDS + 1)
        assert client.get("/v1/whoami").code == "temporarily_unavailable"
    finally:
        monkeypatch.undo()
        vault.unseal()


def test_unreachable_vault_or_refused_token_admits_nobody(
    world: World,
    vault: Any,
    issue_key: Callable[..., IssuedKey],
    api: Callable[..., ApiClient],
    settings: Any,
) -> None:
    issued = issue_key(world.company)
    for change in ({"VAULT_ADDR": "http://127.0.0.1:1"}, {"VAULT_ADDR": vault.url, "VAULT_TOKEN": "wrong"}):
        for name, value in change.items():
            setattr(settings, name, value)
        assert api(issued.client_secret).get("/v1/whoami").code == "temporarily_unavailable"


def test_move_secrets_to_vault_and_back_loses_nothing(
    world: World, vault: Any, settings: Any, api: Callable[..., ApiClient]
) -> None:
    settings.SECRET_STORE = "database"
    issued = [make_key(world.company) for _ in range(6)]
    assert api(issued[0].client_secret).get("/v1/whoami").status == 200
    call_command("move_secrets", to="vault")
    assert {(row.store, row.encoded_hash) for row in rows_of(world)} == {("vault", "")}
    forget_everything()
    for key in issued:
        assert api(key.client_secret).get("/v1/whoami").status == 200
    paths = [row.vault_path for row in rows_of(world)]
    call_command("move_secrets", to="database")
    assert {(row.store, row.vault_path) for row in rows_of(world)} == {("database", "")}
    forget_everything()
    for key in issued:
        assert api(key.client_secret).get("/v1/whoami").status == 200
    for path in paths:
        with pytest.raises(hvac.exceptions.InvalidPath):
            vault.client.secrets.kv.v2.read_secret_version(path, raise_on_deleted_version=True)


def test_move_secrets_reports_that_vault_is_unreachable(world: World, vault: Any, settings: Any) -> None:
    settings.SECRET_STORE = "database"
    make_key(world.company)
    settings.VAULT_ADDR = "http://127.0.0.1:1"
    with pytest.raises(CommandError, match="run the command again"):
        call_command("move_secrets", to="vault")
    assert {row.store for row in rows_of(world)} == {"database"}


def test_move_secrets_can_be_killed_and_repeated(
    world: World, vault: Any, settings: Any, api: Callable[..., ApiClient]
) -> None:
    settings.SECRET_STORE = "database"
    issued = [make_key(world.company) for _ in range(25)]
    environment = os.environ | {
        "VAULT_ADDR": vault.url,
        "VAULT_TOKEN": vault.token,
        "SECRET_STORE": "vault",
        "DJANGO_SETTINGS_MODULE": "config.settings.test",
    }
    process = subprocess.Popen(
        [sys.executable, "manage.py", "move_secrets", "--to", "vault"], cwd=ROOT, env=environment
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        if sum(row.store == "vault" for row in rows_of(world)) >= 3:
            break
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=20)
    for key in issued:
        assert api(key.client_secret).get("/v1/whoami").status == 200
    move_secrets(to="vault")
    assert {row.store for row in rows_of(world)} == {"vault"}
    forget_everything()
    for key in issued:
        assert api(key.client_secret).get("/v1/whoami").status == 200
    move_secrets(to="database")
