"""Wake-ups of system tasks: sent after the commit by a background thread, and merged (core.background.jobs.wake)."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from celery import current_app
from kombu.exceptions import OperationalError

from core.background import jobs
from core.background.backlog import Backlog
from core.tenancy import tenant_context
from tests.factories import World
from tests.waiting import wait_until

PATIENCE_SECONDS = 20


class Broker:
    """Takes the messages instead of a broker. While `closed`, whoever sends one waits."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.open = threading.Event()
        self.open.set()
        self.fails_with: Exception | None = None

    def send_task(self, name: str, **options: object) -> None:
        self.names.append(name)
        self.open.wait(PATIENCE_SECONDS)
        if self.fails_with is not None:
            raise self.fails_with

    def wait_for(self, condition: Callable[[], bool]) -> None:
        wait_until(condition, lambda: self.names, every=0.005)


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    taken = Broker()
    monkeypatch.setattr(
        type(current_app._get_current_object()),  # type: ignore[attr-defined]
        "send_task",
        lambda app, name, **options: taken.send_task(name),
    )
    monkeypatch.setattr(jobs, "BROKER_PAUSE_SECONDS", 0.0)
    # The real one may be full: nobody takes the hints of the tests that ran before.
    monkeypatch.setattr(Backlog, "is_full", lambda self: False)
    yield taken
    taken.open.set()


def test_wake_up_is_sent_once_per_transaction_after_the_commit(world: World, broker: Broker) -> None:
    with tenant_context(world.tenant()):
        jobs.wake("tests.one")
        jobs.wake("tests.one")
        jobs.wake("tests.other")
        assert not {"tests.one", "tests.other"} & set(broker.names)
    broker.wait_for(lambda: {"tests.one", "tests.other"} <= set(broker.names))
    assert broker.names.count("tests.one") == 1


def test_rolled_back_transaction_sends_no_wake_up(world: World, broker: Broker) -> None:
    with pytest.raises(ZeroDivisionError), tenant_context(world.tenant()):  # noqa: PT012 - the block is one transaction
        jobs.wake("tests.rolled_back")
        raise ZeroDivisionError
    jobs.wake("tests.later")
    broker.wait_for(lambda: "tests.later" in broker.names)
    assert "tests.rolled_back" not in broker.names


def test_wake_ups_during_a_busy_broker_are_merged(broker: Broker) -> None:
    broker.open.clear()
    jobs.wake("tests.slow")
    broker.wait_for(lambda: "tests.slow" in broker.names)
    for _ in range(50):
        jobs.wake("tests.often")
    assert "tests.often" not in broker.names
    broker.open.set()
    broker.wait_for(lambda: "tests.often" in broker.names)
    jobs.wake("tests.last")
    broker.wait_for(lambda: "tests.last" in broker.names)
    assert broker.names.count("tests.often") == 1


@pytest.mark.parametrize("failure", [OperationalError("the broker is away"), RuntimeError("a bug")])
def test_failing_broker_is_ignored_and_later_wake_ups_are_sent(broker: Broker, failure: Any) -> None:
    broker.fails_with = failure
    jobs.wake("tests.failing")
    broker.wait_for(lambda: "tests.failing" in broker.names)
    broker.fails_with = None
    broker.wait_for(lambda: jobs.wake("tests.again") or "tests.again" in broker.names)
