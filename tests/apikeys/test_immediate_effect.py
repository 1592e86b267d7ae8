"""Revoking, rotating, editing and suspending take effect in every process by the time the call returns (docs/architecture.md, Keys).

Real processes hammer a key while it is changed. A success that *began* after the call returned is a failure of the
product; there is no tolerance.
"""

import contextlib
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from accounts.services import resume_company, suspend_company
from apikeys.services import KeySettings, end_overlap, restore_key, revoke_key, rotate_key, update_key
from core.tenancy import system_context, tenant_context
from core.valkey import commands
from tests.apikeys.hammer import serve
from tests.factories import SYSTEM, World, make_key, make_world, new_secret
from tests.forked import Forked

PROCESSES = 3
# On top of the few calls that every process makes before and after, however slow the machine is.
WARM_SECONDS = 0.05
AFTER_SECONDS = 0.1


class Hammers:
    """A few processes that call at the same time."""

    def __init__(self) -> None:
        self.processes = [Forked(serve) for _ in range(PROCESSES)]
        for process in self.processes:
            assert process.receive() == "ready"

    def order(self, **order: Any) -> None:
        """Start a round (or, empty, end it)."""
        for process in self.processes:
            process.connection.send(order)

    def results(self) -> list[tuple[float, float, int]]:
        """End the round and return every call of it."""
        self.order()
        return [call for process in self.processes for call in process.receive()]

    def race(
        self,
        secret: str,
        change: Callable[[], Any],
        *,
        method: str = "GET",
        path: str = "/v1/whoami",
        cold: bool,
    ) -> tuple[list[int], list[int], Any]:
        """Hammer with `secret` while `change` runs; returns the statuses of the calls that ended before it
        began and of those that began after it returned, and its result."""
        self.order(secret=secret, method=method, path=path, cold=cold)
        for process in self.processes:
            assert process.receive() == "going"
        time.sleep(WARM_SECONDS)
        started = time.monotonic()
        result = change()
        returned = time.monotonic()
        time.sleep(AFTER_SECONDS)
        calls = self.results()
        # A call that was under way while the change was made may have either answer.
        before = [status for _, ended, status in calls if ended < started]
        after = [status for began, _, status in calls if began > returned]
        return before, after, result

    def close(self) -> None:
        """End the processes."""
        for process in self.processes:
            process.kill()


@pytest.fixture(scope="module")
def hammers() -> Iterator[Hammers]:
    with contextlib.closing(Hammers()) as processes:
        yield processes


@pytest.fixture
def busy_world() -> World:
    """A world whose limits do not get in the way."""
    world = make_world(tier="enterprise")
    with system_context(reason="tests"):
        type(world.company).objects.filter(id=world.company.id).update(
            limit_overrides={"requests_per_minute": 1_000_000, "messages_per_minute": 1_000_000}
        )
    return world


def busy_key(world: World, scopes: Any = ("customers:read",), **chosen: Any) -> Any:
    return make_key(world.company, scopes, rate_limit=100_000, **chosen)


@pytest.mark.parametrize("cold", [False, True], ids=["warm copies", "filling the cache"])
@pytest.mark.parametrize("flush", [False, True], ids=["", "with FLUSHALL"])
def test_no_request_succeeds_after_a_revocation_has_returned(
    hammers: Hammers,
    busy_world: World,
    record_property: Callable[[str, object], None],
    cold: bool,
    flush: bool,
) -> None:
    requests = successes_after = 0
    for _ in range(3):
        issued = busy_key(busy_world)

        def revoke(key: Any = issued.key) -> Any:
            with tenant_context(busy_world.tenant()):
                change = revoke_key(key=key, actor=SYSTEM)
            if flush:
                commands.client().flushall()
            return change.effect

        before, after, effect = hammers.race(issued.client_secret, revoke, cold=cold)
        assert effect.immediate is True
        assert before.count(200) > 0, "nobody was using the key: the race proves nothing"
        assert set(before) == {200}
        assert len(after) > 0
        assert set(after) == {401}
        requests += len(before) + len(after)
        successes_after += after.count(200)
    record_property("race", f"{requests} requests, {successes_after} successes after the revocation returned")
    assert successes_after == 0


def test_old_secret_never_succeeds_after_a_rotation_or_an_ended_overlap(
    hammers: Hammers, busy_world: World
) -> None:
    issued = busy_key(busy_world)

    def rotate(overlap: Any) -> Any:
        with tenant_context(busy_world.tenant()):
            return rotate_key(key=issued.key, overlap=overlap, secret=new_secret(), actor=SYSTEM)

    before, after, second = hammers.race(issued.client_secret, lambda: rotate(timedelta(0)), cold=False)
    assert (set(before), set(after)) == ({200}, {401})
    before, after, third = hammers.race(second.client_secret, lambda: rotate(timedelta(hours=1)), cold=False)
    assert (set(before), set(after)) == ({200}, {200})

    def cut_short() -> Any:
        with tenant_context(busy_world.tenant()):
            return end_overlap(key=issued.key, actor=SYSTEM)

    before, after, _ = hammers.race(second.client_secret, cut_short, cold=False)
    assert (set(before), set(after)) == ({200}, {401})
    before, after, _ = hammers.race(third.client_secret, lambda: None, cold=False)
    assert (set(before), set(after)) == ({200}, {200})


def test_edit_and_undo_take_effect_in_every_process_immediately(hammers: Hammers, busy_world: World) -> None:
    issued = busy_key(busy_world)

    def in_tenant(function: Any, **arguments: Any) -> Any:
        with tenant_context(busy_world.tenant()):
            return function(key=issued.key, actor=SYSTEM, **arguments)

    narrower = KeySettings(name="integration", scopes=["invoices:read"], rate_limit=100_000)
    before, after, _ = hammers.race(
        issued.client_secret,
        lambda: in_tenant(update_key, chosen=narrower),
        path="/v1/customers",
        cold=False,
    )
    assert (set(before), set(after)) == ({200}, {403})
    in_tenant(revoke_key)
    before, after, _ = hammers.race(issued.client_secret, lambda: in_tenant(restore_key), cold=False)
    assert (set(before), set(after)) == ({401}, {200})


def test_suspending_and_resuming_a_company_take_effect_in_every_process_immediately(
    hammers: Hammers, busy_world: World
) -> None:
    issued = busy_key(busy_world)
    before, after, _ = hammers.race(
        issued.client_secret,
        lambda: suspend_company(company=busy_world.company, reason="unpaid", actor=SYSTEM),
        cold=False,
    )
    assert (set(before), set(after)) == ({200}, {403})
    before, after, _ = hammers.race(
        issued.client_secret,
        lambda: resume_company(company=busy_world.company, reason="paid", actor=SYSTEM),
        cold=True,
    )
    assert (set(before), set(after)) == ({403}, {200})
