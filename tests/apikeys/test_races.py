"""Deterministic races: two transactions at once, and threads that change what others read."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import OperationalError, connection

from apikeys import grants
from apikeys.grants import Copies, Grant, GrantFacts
from apikeys.models import ApiKeySecret
from apikeys.services import IssuedKey, rotate_key
from apikeys.services.editing import lock_key
from apikeys.usage import UsageBuffer
from core.postgres.locks import KEY_LOCKS
from core.tenancy import tenant_context
from core.values import ids
from tests.clients import ApiClient
from tests.factories import SYSTEM, World, new_secret
from tests.locks import locks_seen
from tests.threads import all_at_once, is_blocking_another
from tests.waiting import wait_until


@pytest.fixture
def facts(world: World, issue_key: Callable[..., IssuedKey], api: Callable[..., ApiClient]) -> GrantFacts:
    """What is known of a key that was just used."""
    issued = issue_key(world.company)
    assert api(issued.client_secret).get("/v1/whoami").status == 200
    found = grants.recall(grants.digest_of(issued.client_secret))
    assert found is not None
    return found


@pytest.fixture
def eager_switching() -> Iterator[None]:
    """Let threads take turns after every few instructions."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def test_last_use_update_waits_for_a_rotation_and_neither_is_lost(
    world: World, facts: GrantFacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys are locked before their secrets (core.postgres.locks); the other way round one of the two would be a deadlock's victim."""
    buffer = UsageBuffer()
    monkeypatch.setattr(buffer._loop, "start", lambda: None)
    buffer.note(facts, "customers:read", time.time() + 5, "203.0.113.50", "curl")

    def flush() -> None:
        buffer.flush()
        connection.close()

    with ThreadPoolExecutor(1) as pool:
        with tenant_context(world.tenant()):
            # given a rotation that has locked its key
            key = lock_key(facts.key_id)
            # when usage is flushed at this moment
            flushing = pool.submit(flush)
            wait_until(is_blocking_another)
            # and the rotation goes on to the secrets
            rotate_key(key=key, overlap=timedelta(hours=1), secret=new_secret(), actor=SYSTEM)
        flushing.result(timeout=60)
    # then both are done
    with tenant_context(world.tenant()):
        old = ApiKeySecret.objects.get(id=facts.secret_id)
        assert old.ends_at is not None
        assert old.last_used_ip == "203.0.113.50"
        assert ApiKeySecret.objects.filter(key_id=facts.key_id).count() == 2


def test_evicting_copies_concurrently_raises_nothing(
    facts: GrantFacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grants, "MAX_COPIES", 2)
    copies, grant = Copies(), Grant(facts, None)
    for name in (b"a", b"b"):
        copies.put(name, grant)
    dropping = threading.Thread(target=copies.drop, args=(b"b",))

    class MetByAnother(dict[bytes, Grant]):
        def __iter__(self) -> Iterator[bytes]:
            found = super().__iter__()
            if not dropping.ident:
                dropping.start()
                # It must not get through now; without a lock it has long done so when this is over.
                dropping.join(0.2)
            return found

    monkeypatch.setattr(copies, "_grants", MetByAnother(copies._grants))
    copies.put(b"c", grant)
    dropping.join(60)
    assert not dropping.is_alive()
    assert list(copies._grants.keys()) == [b"c"]


def test_uses_recorded_during_a_failed_flush_are_kept(
    facts: GrantFacts, monkeypatch: pytest.MonkeyPatch, eager_switching: None
) -> None:
    buffer = UsageBuffer()
    monkeypatch.setattr(buffer._loop, "start", lambda: None)
    others = [replace(facts, secret_id=ids.new_id(), key_id=ids.new_id()) for _ in range(1500)]

    def fails(*_: object) -> None:
        raise OperationalError("PostgreSQL is away")

    monkeypatch.setattr(buffer, "_write", fails)
    is_over = threading.Event()

    def work(number: int) -> None:
        if number == 0:
            for each in others:
                buffer.note(each, "customers:read", 1.0, "203.0.113.50", "curl")
            is_over.set()
        else:
            while not is_over.is_set():
                buffer.flush()

    all_at_once(2, work)
    assert len(buffer._uses) == len(buffer._needs) == 1500


@pytest.mark.parametrize("overlap", [timedelta(0), timedelta(hours=1)])
def test_rows_of_a_key_are_locked_in_a_consistent_order(
    world: World, facts: GrantFacts, overlap: timedelta, monkeypatch: pytest.MonkeyPatch
) -> None:
    """core.postgres.locks says it: what rotates a key and what writes its last use take the key before its secrets."""
    buffer = UsageBuffer()
    monkeypatch.setattr(buffer._loop, "start", lambda: None)
    buffer.note(facts, "customers:read", time.time() + 5, "203.0.113.50", "curl")
    for act in (buffer.flush, lambda: _rotate(world, facts, overlap)):
        with locks_seen(KEY_LOCKS) as locked:
            act()
        assert len(locked) >= 2
        assert locked == sorted(locked, key=KEY_LOCKS.index)


def _rotate(world: World, facts: GrantFacts, overlap: timedelta) -> None:
    with tenant_context(world.tenant()):
        rotate_key(key=lock_key(facts.key_id), overlap=overlap, secret=new_secret(), actor=SYSTEM)
