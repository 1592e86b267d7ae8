"""A PostgreSQL outage: cached grants that Valkey proves keep working for ten minutes, and nothing else does (docs/adr/0009-fences.md)."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection

from accounts.services import suspend_company
from apikeys import grants
from apikeys.services import IssuedKey, revoke_key
from audit.models import AuditEntry
from core.postgres.breaker import breaker
from core.tenancy import system_context, tenant_context
from core.valkey import commands, fences
from tests.clients import ApiClient
from tests.factories import SYSTEM, World


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Seconds by which the clock of this process is ahead, in a list of one."""
    ahead, real = [0.0], time.time
    monkeypatch.setattr("time.time", lambda: real() + ahead[0])
    return ahead


@pytest.fixture
def postgresql(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Takes PostgreSQL away from this process, and gives it back."""

    class Switch:
        def stop(self) -> None:
            connection.close()
            monkeypatch.setattr(breaker, "_is_open", True)

        def start(self) -> None:
            monkeypatch.setattr(breaker, "_is_open", False)

    switch = Switch()
    yield switch
    switch.start()


@pytest.fixture
def used(world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]) -> IssuedKey:
    """A key that this process has a copy of."""
    issued = issue_key(world.company, rate_limit=60)
    assert api(issued.client_secret).get("/v1/whoami").status == 200
    return issued


@pytest.mark.parametrize("own_copy", [True, False], ids=["own copy", "grant of another process"])
def test_requests_without_sql_are_served_for_ten_minutes(
    used: IssuedKey, api: Callable[..., ApiClient], clock: Any, postgresql: Any, own_copy: bool
) -> None:
    client = api(used.client_secret)
    if not own_copy:
        grants.COPIES.clear()
    postgresql.stop()
    for ahead in (grants.REPROVE_SECONDS + 1, grants.OUTAGE_SECONDS - 5):
        clock[0] = ahead
        assert client.get("/v1/whoami").status == 200
    clock[0] = grants.OUTAGE_SECONDS + 1
    refused = client.get("/v1/whoami")
    assert (refused.status, refused.code) == (503, "temporarily_unavailable")
    assert "Retry-After" in refused.headers
    postgresql.start()
    assert client.get("/v1/whoami").status == 200


def test_request_without_postgresql_is_rate_limited(
    world: World,
    issue_key: Callable[..., IssuedKey],
    api: Callable[..., ApiClient],
    clock: Any,
    postgresql: Any,
) -> None:
    client = api(issue_key(world.company, rate_limit=2).client_secret)
    assert client.get("/v1/whoami").status == 200
    postgresql.stop()
    clock[0] = grants.REPROVE_SECONDS + 1
    # The clock of this process is ahead; Valkey's, by which tokens come back, is not.
    assert [client.get("/v1/whoami").status for _ in range(2)] == [200, 429]


@pytest.mark.parametrize("change", ["revoked", "company suspended"])
def test_stopping_postgresql_does_not_keep_a_revoked_key_alive(
    world: World, used: IssuedKey, api: Callable[..., ApiClient], clock: Any, postgresql: Any, change: str
) -> None:
    """The change was committed and its fence raised: this process cannot read it, and yet believes its copy no longer."""
    client = api(used.client_secret)
    copy = grants.COPIES.get(grants.digest_of(used.client_secret))
    with tenant_context(world.tenant()):
        if change == "revoked":
            revoke_key(key=used.key, actor=SYSTEM)
    if change == "company suspended":
        suspend_company(company=world.company, reason="Unpaid.", actor=SYSTEM)
    assert copy is grants.COPIES.get(grants.digest_of(used.client_secret))
    clock[0] = grants.REPROVE_SECONDS + 1
    postgresql.stop()
    for _ in range(2):
        assert client.get("/v1/whoami").status == 503


def test_emptied_valkey_proves_no_cached_grant(
    used: IssuedKey, api: Callable[..., ApiClient], clock: Any, postgresql: Any
) -> None:
    client = api(used.client_secret)
    postgresql.stop()
    clock[0] = grants.REPROVE_SECONDS + 1
    commands.client().flushall()
    assert client.get("/v1/whoami").status == 503


def test_grant_and_fence_replayed_together_end_with_ten_minutes(
    world: World, used: IssuedKey, api: Callable[..., ApiClient], clock: Any, postgresql: Any
) -> None:
    """What a Valkey that lies about everything can do lasts no longer than that, whoever stops PostgreSQL for it."""
    name, fence = (
        f"grant:{grants.digest_of(used.client_secret).hex()}",
        fences.key_fence(world.company.id, used.key.id),
    )
    old_grant, old_fence = commands.client().mget(name, fence)
    with tenant_context(world.tenant()):
        revoke_key(key=used.key, actor=SYSTEM)
    commands.client().mset({name: old_grant, fence: old_fence})
    grants.COPIES.clear()
    postgresql.stop()
    clock[0] = grants.OUTAGE_SECONDS + 1
    assert api(used.client_secret).get("/v1/whoami").status == 503
    postgresql.start()
    assert api(used.client_secret).get("/v1/whoami").code == "key_revoked"


def test_operator_can_stop_a_key_by_its_fence(
    world: World, used: IssuedKey, api: Callable[..., ApiClient], clock: Any, postgresql: Any
) -> None:
    """docs/runbooks/when-a-key-leaks.md: what there is to do while PostgreSQL is away."""
    client = api(used.client_secret)
    postgresql.stop()
    commands.client().delete(fences.key_fence(world.company.id, used.key.id))
    assert client.get("/v1/whoami").status == 503


def test_without_postgresql_and_valkey_nobody_is_admitted(
    used: IssuedKey,
    api: Callable[..., ApiClient],
    clock: Any,
    postgresql: Any,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    postgresql.stop()
    clock[0] = grants.REPROVE_SECONDS + 1
    monkeypatch.setattr(commands, "PAUSE_SECONDS", 0.0)
    settings.VALKEY_URL = "redis://127.0.0.1:1/0"
    assert api(used.client_secret).get("/v1/whoami").status == 503


def test_during_an_outage_postgresql_is_queried_once_a_second_per_grant(
    used: IssuedKey,
    api: Callable[..., ApiClient],
    clock: Any,
    postgresql: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client, asked = api(used.client_secret), []
    real = breaker.check
    postgresql.stop()
    monkeypatch.setattr(breaker, "check", lambda: (asked.append(1), real()))
    clock[0] = grants.REPROVE_SECONDS + 1
    assert client.get("/v1/whoami").status == 200
    first = len(asked)
    assert client.get("/v1/whoami").status == 200
    assert len(asked) == first
    clock[0] += 2
    assert client.get("/v1/whoami").status == 200
    assert len(asked) > first


def test_after_the_outage_a_missed_change_takes_effect_within_a_second(
    used: IssuedKey, api: Callable[..., ApiClient], clock: Any, postgresql: Any
) -> None:
    client = api(used.client_secret)
    # A change that told nobody: neither its version nor its fence was raised.
    with system_context(reason="tests"):
        type(used.key).objects.filter(id=used.key.id).update(scopes=["events:read"])
    postgresql.stop()
    clock[0] = grants.REPROVE_SECONDS + 1
    assert client.get("/v1/whoami").json["scopes"] == ["customers:read"]
    postgresql.start()
    clock[0] += 1.5
    assert client.get("/v1/whoami").json["scopes"] == ["events:read"]


@pytest.mark.parametrize("known", [True, False], ids=["known to be away", "found to be away"])
def test_first_success_during_an_outage_is_recorded_afterwards(
    world: World,
    used: IssuedKey,
    api: Callable[..., ApiClient],
    postgresql: Any,
    monkeypatch: pytest.MonkeyPatch,
    known: bool,
) -> None:
    # The hour's first from an address.
    client = api(used.client_secret, ip="198.51.100.7")
    postgresql.stop()
    if not known:
        monkeypatch.setattr(type(breaker), "is_open", False)
    assert client.get("/v1/whoami").status == 200
    postgresql.start()
    assert [client.get("/v1/whoami").status for _ in range(2)] == [200, 200]
    with tenant_context(world.tenant()):
        entries = AuditEntry.objects.filter(action="api_key.authenticated", detail__ip="198.51.100.7")
        assert entries.count() == 1
