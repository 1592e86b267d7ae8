"""Unconsumed hints do not fill the broker: web processes and beat stop adding them (core.background.backlog)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from celery import current_app
from celery.beat import ScheduleEntry
from celery.schedules import schedule
from kombu import Connection

from config.beat import BoundedScheduler
from core.background import backlog, jobs

QUEUE = "tests.backlog"


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A queue of the test's own on the real broker, which has room for three hints; call it to count them."""
    monkeypatch.setitem(current_app.conf, "task_default_queue", QUEUE)
    monkeypatch.setattr(backlog, "MOST_WAITING", 3)
    monkeypatch.setattr(backlog, "LOOK_EVERY_SECONDS", 0.0)
    monkeypatch.setattr(backlog.BACKLOG, "_is_full", False)
    queue = current_app.amqp.queues.select_add(QUEUE)
    with current_app.connection_for_write() as connection:
        bound = queue(connection.default_channel)
        bound.declare()
        bound.purge()
        yield lambda: connection.default_channel._size(QUEUE)  # type: ignore[attr-defined]
        bound.delete()


def test_web_processes_stop_adding_hints_when_the_queue_is_full(waiting: Any) -> None:
    for _ in range(10):
        jobs.enqueue("tests.nobody_takes_it")
    assert waiting() == 3


def test_beat_skips_unconsumed_tasks_and_resumes_with_a_consumer(
    waiting: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heartbeat = tmp_path / "heartbeat"
    monkeypatch.setenv("HEARTBEAT_FILE", str(heartbeat))
    scheduler = BoundedScheduler(
        current_app._get_current_object(),  # type: ignore[attr-defined]
        schedule_filename=str(tmp_path / "schedule"),
    )
    entry = ScheduleEntry(
        name="often", task="tests.nobody_takes_it", schedule=schedule(1.0), app=scheduler.app
    )

    for _ in range(10):
        scheduler.apply_async(entry)
    assert waiting() == 3
    assert heartbeat.exists()

    with current_app.connection_for_write() as connection:
        current_app.amqp.queues[QUEUE](connection.default_channel).purge()
    scheduler.apply_async(entry)
    assert waiting() == 1


def test_failing_broker_fails_no_request_and_is_not_retried_for_a_second(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []

    def fail() -> bool:
        asked.append(1)
        raise ConnectionResetError("The broker went away.")

    monkeypatch.setattr(jobs, "_broker_paused_until", 0.0)
    monkeypatch.setattr(backlog.BACKLOG, "is_full", fail)
    for _ in range(3):
        jobs.enqueue("tests.nobody_takes_it")
    assert asked == [1]


def test_unreachable_broker_does_not_count_as_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backlog, "LOOK_EVERY_SECONDS", 0.0)
    found = backlog.Backlog()
    monkeypatch.setattr(
        current_app._get_current_object(),  # type: ignore[attr-defined]
        "connection_for_write",
        lambda: Connection("redis://127.0.0.1:1/0", transport_options={"max_retries": 0}),
    )
    assert found.is_full() is False


def test_checking_an_empty_queue_keeps_the_connection(waiting: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    connect = app.connection_for_write
    monkeypatch.setattr(app, "connection_for_write", lambda: made.append(connect()) or made[-1])
    looking = backlog.Backlog()

    assert [looking.is_full() for _ in range(3)] == [False, False, False]
    assert len(made) == 1
    made[0].release()
