"""Which requests get a slot, wait, or are refused (config.door.slots), with a clock that only moves between events."""

import threading
import time
from collections.abc import Iterator
from itertools import count
from queue import SimpleQueue

import pytest

from config.door.overload import BELIEVED_SECONDS
from config.door.slots import Full, Job, Slots, Turn

JOB_SECONDS = 0.02


class Scene:
    """One slot, jobs of JOB_SECONDS, and newcomers at given times. What each came to is told in seconds since it came."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slots = Slots(1, clock=lambda: self.now, cpu_clock=lambda: self.now)
        self.waited: list[float] = []
        self.refused: list[float] = []
        self._coming: Iterator[float] = iter(())
        self._next = float("inf")

    def run(self, coming: Iterator[float], *, job_seconds: float = JOB_SECONDS) -> None:
        """Let newcomers come at these times, and everything that is let in be worked on."""
        self._job_seconds = job_seconds
        self._coming = coming
        self._advance()
        while self._next != float("inf"):
            self.now = self._next
            self._come()

    def _advance(self) -> None:
        self._next = next(self._coming, float("inf"))

    def _come(self) -> None:
        came = self.now
        self._advance()

        def job() -> None:
            self.waited.append(self.now - came)
            ends = self.now + self._job_seconds
            while self._next <= ends:  # others come meanwhile
                self.now = self._next
                self._come()
            self.now = ends

        try:
            found = self.slots.enter(job, lambda: self.refused.append(self.now - came))
        except Full:
            self.refused.append(0.0)
        else:
            self.slots.work(found)


def every(seconds: float, *, begin: float, end: float) -> Iterator[float]:
    for number in count():
        if begin + number * seconds >= end:
            return
        yield begin + number * seconds


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_at_three_times_capacity_admitted_requests_wait_for_at_most_one_job(
    scene: Scene,
) -> None:
    scene.run(every(JOB_SECONDS / 3, begin=0.0, end=60.0))

    waited = sorted(scene.waited)
    assert len(waited) == pytest.approx(60 / JOB_SECONDS, abs=4)
    assert waited[int(0.99 * len(waited))] <= JOB_SECONDS
    # Those of the first tenths of a second might have been a crowd.
    assert waited[-1] <= 0.2
    assert len(scene.refused) == pytest.approx(2 * 60 / JOB_SECONDS, abs=4)
    assert sum(after < JOB_SECONDS for after in scene.refused) > 0.95 * len(scene.refused)


def test_burst_servable_within_half_a_second_is_served_completely(scene: Scene) -> None:
    scene.run(every(JOB_SECONDS * 2, begin=0.0, end=10.0))  # what jobs take is known by now
    scene.waited.clear()
    scene.run(iter([20.0] * 20))

    assert len(scene.waited) == 20
    assert scene.refused == []


def test_requests_behind_a_hanging_job_are_refused_on_the_next_arrival(scene: Scene) -> None:
    scene.run(iter([0.0, 0.1, 0.2, 5.0]), job_seconds=10.0)

    assert scene.refused == pytest.approx([4.9, 4.8, 5.0])
    assert scene.waited == [0.0]


def test_sweep_refuses_requests_waiting_for_half_a_second(scene: Scene) -> None:
    assert scene.slots.enter(lambda: None, lambda: None) is not None  # and hangs
    scene.slots.enter(lambda: None, lambda: scene.refused.append(scene.now))

    scene.now = 0.49
    assert scene.slots.sweep() is True
    scene.now = 0.51
    assert scene.slots.sweep() is False
    assert scene.refused == [0.51]


def test_overload_ends_after_a_second_without_refusals(scene: Scene) -> None:
    scene.run(every(JOB_SECONDS / 3, begin=0.0, end=5.0))
    scene.refused.clear()
    scene.run(iter([5.5] * 20))
    assert len(scene.refused) >= 17  # one is worked on, one may wait, and one may be in doubt

    scene.refused.clear()
    scene.run(iter([7.0] * 20))
    assert scene.refused == []


@pytest.mark.parametrize("raised", [RuntimeError, SystemExit])
def test_failing_job_releases_its_slot(
    raised: type[BaseException],
) -> None:
    slots, done = Slots(1), []

    def fail() -> None:
        assert slots.enter(lambda: done.append("next"), lambda: None) is None
        raise raised

    slots.work(slots.enter(fail, lambda: None))
    slots.work(slots.enter(lambda: done.append("later"), lambda: None))

    assert done == ["next", "later"]


def test_disconnected_waiting_client_blocks_nobody(scene: Scene) -> None:
    def gone() -> None:
        raise ConnectionResetError

    told: list[float] = []
    hangs = scene.slots.enter(lambda: None, lambda: None)
    scene.slots.enter(lambda: None, gone)
    scene.slots.enter(lambda: None, lambda: told.append(scene.now))
    scene.now = 1.0
    assert scene.slots.sweep() is False
    assert told == [1.0]

    scene.slots.enter(lambda: None, gone)
    scene.now = 2.0
    scene.slots.work(hangs)

    assert scene.slots.enter(lambda: None, lambda: None) is not None, "the slot is free again"


def test_concurrent_threads_lose_no_slot_and_no_job() -> None:
    later, answered = [0.0], SimpleQueue()
    slots = Slots(4, clock=lambda: time.monotonic() + later[0])

    def come(address: str) -> None:
        for number in range(500):

            def job(number: int = number) -> None:
                answered.put("served")
                if number % 7 == 0:
                    raise RuntimeError

            try:
                slots.work(slots.enter(job, lambda: answered.put("turned away"), address))
            except Full:
                answered.put("refused")

    threads = [threading.Thread(target=come, args=[f"192.0.2.{number % 3}"]) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    slots.sweep()

    assert answered.qsize() == 12 * 500
    later[0] = BELIEVED_SECONDS  # whatever overload there was is over
    turns = [slots.enter(lambda: None, lambda: None, f"{number}") for number in range(4)]
    assert None not in turns, "every slot is free"


class Crew:
    """Four threads, whose jobs take JOB_SECONDS by themselves, half of it waiting for a server."""

    def __init__(self) -> None:
        self.now = self.cpu = 0.0
        self.slots = Slots(4, clock=lambda: self.now, cpu_clock=lambda: self.cpu)
        self.done: list[str] = []
        self.job_seconds = JOB_SECONDS

    def job(self, name: str) -> Job:
        def work() -> None:
            self.now += self.job_seconds
            self.cpu += self.job_seconds / 2
            self.done.append(name)

        return work

    def come(self, name: str) -> Turn | None:
        """Return what to work on, as `Slots.enter` does. Each comes from an address of its own."""
        return self.slots.enter(self.job(name), lambda: None, name)

    def have_quiet_days(self) -> None:
        for _ in range(100):
            self.slots.work(self.come("quiet"))
        self.done.clear()

    def be_overloaded(self) -> list[Turn | None]:
        """Four are worked on, and the queue does not become shorter; return the four."""
        self.job_seconds = 0.0  # those that are worked on at a time end at a time
        four = [self.come(f"{number}") for number in range(4)]
        self.come("in vain")
        for _ in range(2):
            self.now += 0.1
            self.slots.sweep()
        with pytest.raises(Full):
            self._crowd()
        return four

    def _crowd(self) -> None:
        for number in range(20):
            self.come(f"late {number}")


def test_during_overload_concurrency_is_limited_to_processor_time() -> None:
    crew = Crew()
    crew.have_quiet_days()
    first, second, third, _ = crew.be_overloaded()

    crew.slots.work(first)
    crew.slots.work(second)
    assert crew.done == ["0", "1"]  # and two go on: nothing new is begun beside them
    crew.slots.work(third)
    assert crew.done[:3] == ["0", "1", "2"]
    assert crew.done[3] == "late 0"


def test_after_an_overload_all_threads_serve_in_order_of_arrival() -> None:
    crew = Crew()
    crew.have_quiet_days()
    first, second, *_ = crew.be_overloaded()
    crew.slots.work(first)
    crew.slots.work(second)
    crew.now += 0.1
    crew.slots.sweep()
    crew.now += 2.0  # and nobody was turned away meanwhile

    third, fourth = crew.come("third"), crew.come("fourth")
    assert third is not None
    assert fourth is not None
    assert crew.come("fifth") is None


def test_all_threads_are_used_until_a_job_has_run_alone() -> None:
    crew = Crew()
    first, *_ = crew.be_overloaded()

    crew.slots.work(first)

    assert crew.done[1] == "late 0"
