"""A compromised Valkey: forged, moved, edited and replayed entries admit nobody (docs/architecture.md, Keys)."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest

from apikeys import grants, keys, tasks
from apikeys.services import IssuedKey, revoke_key
from core.tenancy import tenant_context
from core.valkey import commands, fences
from tests.clients import ApiClient
from tests.factories import SYSTEM, World


@pytest.fixture(autouse=True)
def _nothing_is_left_behind() -> Iterator[None]:
    """An answer of the wrong kind makes the process leave Valkey alone for a second, which is no other test's business."""
    yield
    while not commands.available():
        time.sleep(0.02)


def name_of(secret: str) -> str:
    return "grant:" + grants.digest_of(secret).hex()


def test_grant_moved_to_another_secret_is_rejected(
    used_key: IssuedKey, api: Callable[..., ApiClient]
) -> None:
    stranger = keys.generate("live").text
    commands.client().set(name_of(stranger), commands.client().get(name_of(used_key.client_secret)))
    assert api(stranger).get("/v1/whoami").code == "invalid_credentials"


@pytest.mark.parametrize(
    "edit",
    [
        lambda facts: facts | {"scopes": ["customers:write", "invoices:write"]},
        lambda facts: facts | {"company_id": "01990000-0000-7000-8000-000000000000"},
        lambda facts: facts | {"rate_limit": 1_000_000},
        lambda facts: facts | {"proved_at": time.time() + 10_000, "matched_at": time.time() + 10_000},
    ],
)
def test_edited_grant_is_rejected(used_key: IssuedKey, api: Callable[..., ApiClient], edit: Any) -> None:
    name = name_of(used_key.client_secret)
    value: Any = commands.client().get(name)
    tag, seal, content = value.split(b" ", 2)
    commands.client().set(name, b"%s %s %s" % (tag, seal, orjson.dumps(edit(orjson.loads(content)))))
    answer = api(used_key.client_secret).get("/v1/whoami")
    assert answer.status == 200
    assert answer.json["scopes"] == ["customers:read"]
    assert answer.json["limits"]["key"] == 60


@pytest.mark.parametrize("value", [b"", b"x", b"{}", b"\x00" * 500, b"0" * 64 + b"{}", b"9" * 100_000])
def test_garbage_in_place_of_a_grant_changes_nothing(
    used_key: IssuedKey, api: Callable[..., ApiClient], value: bytes
) -> None:
    commands.client().set(name_of(used_key.client_secret), value)
    assert api(used_key.client_secret).get("/v1/whoami").status == 200
    stranger = keys.generate("live").text
    commands.client().set(name_of(stranger), value)
    assert api(stranger).get("/v1/whoami").code == "invalid_credentials"


def test_replayed_grant_of_a_revoked_key_is_stopped_by_the_fence(
    used_key: IssuedKey, world: World, api: Callable[..., ApiClient]
) -> None:
    name = name_of(used_key.client_secret)
    old = commands.client().get(name)
    with tenant_context(world.tenant()):
        revoke_key(key=used_key.key, actor=SYSTEM)
    commands.client().set(name, old)
    assert api(used_key.client_secret).get("/v1/whoami").code == "key_revoked"


def test_grant_and_fence_replayed_together_expire_after_a_minute(
    used_key: IssuedKey, world: World, api: Callable[..., ApiClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bound of docs/architecture.md, Keys: what even a Valkey that lies about everything can do lasts at most 60 s."""
    name = name_of(used_key.client_secret)
    fence = fences.key_fence(world.company.id, used_key.key.id)
    old_grant, old_fence = commands.client().mget(name, fence)
    with tenant_context(world.tenant()):
        revoke_key(key=used_key.key, actor=SYSTEM)
    commands.client().mset({name: old_grant, fence: old_fence})
    grants.COPIES.clear()
    real = time.time
    monkeypatch.setattr("time.time", lambda: real() + grants.REPROVE_SECONDS + 1)
    assert api(used_key.client_secret).get("/v1/whoami").code == "key_revoked"


def test_failover_that_lost_the_write_is_repaired_by_the_sweep(
    used_key: IssuedKey, world: World, api: Callable[..., ApiClient]
) -> None:
    client = api(used_key.client_secret)
    assert client.get("/v1/whoami").status == 200
    fence = fences.key_fence(world.company.id, used_key.key.id)
    lost = commands.client().get(fence)
    with tenant_context(world.tenant()):
        revoke_key(key=used_key.key, actor=SYSTEM)
    commands.client().set(fence, lost)
    assert tasks.repeat_fences() >= 1
    assert client.get("/v1/whoami").code == "key_revoked"


def test_failover_that_lost_the_write_is_repaired_by_a_reader_with_a_newer_version(
    used_key: IssuedKey, world: World, api: Callable[..., ApiClient]
) -> None:
    fence = fences.key_fence(world.company.id, used_key.key.id)
    lost = commands.client().get(fence)
    stale = grants.recall(grants.digest_of(used_key.client_secret))
    with tenant_context(world.tenant()):
        revoke_key(key=used_key.key, actor=SYSTEM)
    commands.client().set(fence, lost)
    assert stale is not None
    # A process without a copy and without a grant reads PostgreSQL, and raises the fence it finds too low.
    commands.client().delete(name_of(used_key.client_secret))
    assert api(used_key.client_secret).get("/v1/whoami").code == "key_revoked"
    assert commands.client().get(fence).startswith(b"2:")


@pytest.mark.parametrize("value", [b"nonsense", b"", b":", b"x:y", b"99999999:"])
def test_invalid_fence_admits_no_unverified_key(
    used_key: IssuedKey, world: World, api: Callable[..., ApiClient], value: bytes
) -> None:
    fence = fences.key_fence(world.company.id, used_key.key.id)
    commands.client().set(fence, value)
    assert api(used_key.client_secret).get("/v1/whoami").status in (200, 503)
    with tenant_context(world.tenant()):
        revoke_key(key=used_key.key, actor=SYSTEM)
    commands.client().set(fence, value)
    assert api(used_key.client_secret).get("/v1/whoami").code in ("key_revoked", "temporarily_unavailable")


def test_unexpected_valkey_types_cause_no_server_error(
    used_key: IssuedKey, world: World, api: Callable[..., ApiClient]
) -> None:
    fence = fences.key_fence(world.company.id, used_key.key.id)
    for name in (
        fence,
        f"{{{world.company.id.hex}}}:bucket:key:{used_key.key.id.hex}",
        name_of(used_key.client_secret),
    ):
        commands.client().delete(name)
        commands.client().lpush(name, "x")
        assert api(used_key.client_secret).get("/v1/whoami").status == 200
        assert api(keys.generate("live").text).get("/v1/whoami").status == 401
