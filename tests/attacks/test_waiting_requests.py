"""A long poll (`wait=`) holds no thread, and authorization is checked when it responds."""

import re
import threading
import time
import uuid
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from apikeys.services import IssuedKey, revoke_key
from config.door.answers import Sent
from config.door.waiting import LOOK_SECONDS, PLACES_OF_A_COMPANY, Waiter, WaitingRoom
from core.api.waiting import Wait
from core.tenancy import Tenant, tenant_context
from tests.factories import SYSTEM, World, make_customer
from tests.live import HttpAnswer, WebProcess, web_process
from tests.waiting import wait_until
from webhooks.relay import relay_events

THREADS = 2
READ = ["events:read", "customers:read"]
WAIT_SECONDS = 20
PATH = f"/v1/events?order=oldest_first&wait={WAIT_SECONDS}"


class Crowd:
    """Requests that are under way, each on a connection of its own."""

    def __init__(self, web: WebProcess) -> None:
        self.web = web
        self._pool = ThreadPoolExecutor(16)

    def ask(self, secret: str, path: str = PATH) -> "Future[HttpAnswer]":
        return self._pool.submit(self.web.request, "GET", path, secret=secret)

    def waiting(self) -> int:
        told = self.web.request("GET", "/metrics").content.decode()
        return sum(float(each) for each in re.findall(r"^pomelo_requests_waiting\S* (\S+)$", told, re.M))


@pytest.fixture(scope="module")
def crowd() -> Iterator[Crowd]:
    with web_process(threads=THREADS) as web:
        yield Crowd(web)


@pytest.fixture
def key(world: World, issue_key: Callable[..., IssuedKey]) -> IssuedKey:
    return issue_key(world.company, READ, mode="test", rate_limit=60)


def happens(world: World) -> None:
    make_customer(world.tenant("test"))
    relay_events()


def test_long_poll_responds_on_the_event_without_occupying_a_thread(
    crowd: Crowd, world: World, key: IssuedKey
) -> None:
    waiters: list[Future[HttpAnswer]] = []
    # One after the other: together, those for whom there is no thread would be turned away after half a second.
    while len(waiters) < PLACES_OF_A_COMPANY:
        waiters.append(crowd.ask(key.client_secret))
        wait_until(lambda: crowd.waiting() == len(waiters))

    # More than there are threads wait; others are served, and one waiter too many is answered at once.
    assert crowd.web.request("GET", "/v1/whoami", secret=key.client_secret).status == 200
    late = crowd.web.request("GET", PATH, secret=key.client_secret, timeout=10)
    assert (late.status, late.json["data"]) == (200, [])
    assert not any(waiter.done() for waiter in waiters)

    happens(world)
    answers = [waiter.result(timeout=10) for waiter in waiters]
    assert [[event["type"] for event in answer.json["data"]] for answer in answers] == [
        ["customer.created"]
    ] * PLACES_OF_A_COMPANY
    wait_until(lambda: crowd.waiting() == 0)


def test_key_revoked_during_a_long_poll_gets_no_events(crowd: Crowd, world: World, key: IssuedKey) -> None:
    waiter = crowd.ask(key.client_secret)
    wait_until(lambda: crowd.waiting() == 1)
    with tenant_context(world.tenant("test")):
        revoke_key(key=key.key, actor=SYSTEM)
    happens(world)
    answer = waiter.result(timeout=10)
    assert (answer.status, answer.code) == (401, "key_revoked")


def test_events_of_other_companies_and_modes_do_not_wake_a_long_poll(
    crowd: Crowd, world: World, key: IssuedKey
) -> None:
    relay_events()  # that the key was created is news of this company, too
    waiter = crowd.ask(key.client_secret)
    wait_until(lambda: crowd.waiting() == 1)
    make_customer(world.tenant("live"))
    make_customer(world.other_tenant("test"))
    relay_events()
    time.sleep(3 * LOOK_SECONDS)

    happens(world)
    answer = waiter.result(timeout=10)
    # Woken by those before, it would have found nothing.
    assert [event["type"] for event in answer.json["data"]] == ["customer.created"]


def test_shutdown_answers_waiting_long_polls(key: IssuedKey) -> None:
    with web_process(threads=THREADS) as web:
        crowd = Crowd(web)
        began = time.monotonic()
        waiter = crowd.ask(key.client_secret)
        wait_until(lambda: crowd.waiting() == 1)
        web.stop()
        answer = waiter.result(timeout=10)
        seconds = time.monotonic() - began
    assert (answer.status, answer.json["data"]) == (200, [])
    assert seconds < WAIT_SECONDS  # as it would have taken anyway


def test_requests_that_cannot_be_answered_do_not_stop_the_others() -> None:
    all_wait, let_in = threading.Event(), []

    def find_newest(tenants: Collection[Tenant]) -> dict[Tenant, int]:
        assert all_wait.wait(60)
        return dict.fromkeys(tenants, 1)

    def repeat(proto: str, _: dict[str, Any]) -> None:
        if proto == "gone":
            raise RuntimeError("The connection is closed.")
        let_in.append(proto)

    room = WaitingRoom(repeat, find_newest)
    for number in range(20):
        wait = Wait(Tenant(uuid.uuid4(), "test"), position=0, seconds=WAIT_SECONDS)
        room.enter(Waiter("gone" if number % 2 else "there", Sent(), b"", wait, {}))
    all_wait.set()

    wait_until(lambda: let_in == ["there"] * 10)
