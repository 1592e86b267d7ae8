"""Background threads: started on demand, woken, resilient to failures, and stopped with the process."""

import os
import subprocess
import sys
import threading
from asyncio import CancelledError
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.background import loops
from core.background.loops import FAILURES, BackOff, Loop, check_loops
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def make_loop() -> Iterator[Callable[..., Loop]]:
    made: list[Loop] = []

    def make(step: Callable[[], object], **options: object) -> Loop:
        made.append(Loop(f"tests-{len(made)}", step, **options))
        return made[-1]

    yield make
    for loop in made:
        assert loop.stop(30)


def test_loop_starts_on_demand_and_merges_wake_ups(
    make_loop: Callable[..., Loop],
) -> None:
    steps, busy, done = [], threading.Event(), threading.Event()

    def step() -> None:
        steps.append(threading.current_thread().name)
        busy.set()
        done.wait(30)

    loop = make_loop(step)
    assert steps == []
    loop.wake()
    busy.wait(30)
    for _ in range(100):
        loop.wake()
    done.set()
    wait_until(lambda: len(steps) == 2)
    assert steps == ["tests-0", "tests-0"]


def test_loop_runs_on_schedule_and_at_requested_times(
    make_loop: Callable[..., Loop],
) -> None:
    ticks, asked = [], []
    make_loop(lambda: ticks.append(1), every=0.01).start()
    again = make_loop(lambda: 0.01 if not asked.append(1) and len(asked) < 3 else None)
    again.wake()
    wait_until(lambda: len(ticks) >= 3 and len(asked) == 3)


@pytest.mark.parametrize("failure", [ValueError("bad"), SystemExit(1), CancelledError(), MemoryError()])
def test_exceptions_do_not_stop_a_loop(
    make_loop: Callable[..., Loop], monkeypatch: pytest.MonkeyPatch, failure: BaseException
) -> None:
    monkeypatch.setattr(loops, "FIRST_PAUSE_SECONDS", 0.001)
    steps: list[int] = []

    def step() -> None:
        steps.append(1)
        if len(steps) <= 6:
            raise failure

    loop = make_loop(step)
    before = FAILURES.labels(loop.name)._value.get()
    warnings = []
    original = loop._back_off.reset
    monkeypatch.setattr(loop._back_off, "reset", lambda: (warnings.append(check_loops()), original()))
    loop.wake()
    # It goes on by itself: nobody has to wake it again.
    wait_until(lambda: len(steps) == 7 and loop.failures == 0)
    assert FAILURES.labels(loop.name)._value.get() - before == 6
    assert warnings == [f"background work keeps failing ({loop.name}); see the log"]
    assert check_loops() is None
    loop.wake()
    wait_until(lambda: len(steps) == 8)


def test_failing_loop_backs_off_up_to_30_seconds() -> None:
    back_off = BackOff()
    pauses = [back_off.next() for _ in range(2000)]
    for pause, longest in zip(pauses, [0.25, 0.5, 1, 2, 4, 8, 16, 30, 30], strict=False):
        assert 0.8 * longest <= pause <= longest
    assert max(pauses) <= 30
    back_off.reset()
    assert back_off.next() <= 0.25


def test_stopped_loop_runs_a_last_step_and_does_not_restart(make_loop: Callable[..., Loop]) -> None:
    steps: list[int] = []
    loop = make_loop(lambda: steps.append(1), every=60)
    loop.start()

    assert loop.stop(30)

    loop.wake()
    assert steps == [1]


def test_running_step_is_asked_to_stop(make_loop: Callable[..., Loop]) -> None:
    told, busy = threading.Event(), threading.Event()

    def step() -> None:
        busy.set()
        told.wait(30)

    loop = make_loop(step, interrupt=told.set, last_step=False)
    loop.wake()
    busy.wait(30)

    assert loop.stop(30)


def test_exiting_process_runs_a_last_step_and_a_fork_has_its_own_thread(tmp_path: Path) -> None:
    program = f"""
import os, sys, threading
sys.path.insert(0, {str(ROOT)!r})
from core.background.loops import Loop
said = []
def step():
    if said:
        with open({str(tmp_path / "out")!r}, "a") as out:
            out.write(said.pop() + "\\n")
loop = Loop("last", step, every=3600)
loop.start()
if os.fork() == 0:
    assert loop._thread is None
    said.append("child")
    loop.start()
    # As multiprocessing ends its children: without atexit.
    threading._shutdown()
    os._exit(0)
os.wait()
said.append("parent")
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60, env=os.environ)

    assert (tmp_path / "out").read_text().split() == ["child", "parent"]


def test_all_loops_are_stopped_in_parallel_after_their_last_steps(
    make_loop: Callable[..., Loop], monkeypatch: pytest.MonkeyPatch
) -> None:
    both = threading.Barrier(2)
    ended: list[str] = []

    def finish() -> None:
        both.wait(30)
        ended.append(threading.current_thread().name)

    pair = [make_loop(lambda: None, finish=finish, stop_seconds=60) for _ in range(2)]
    monkeypatch.setattr(loops, "_LOOPS", set(pair))
    for loop in pair:
        loop.start()

    assert loops.stop_all()

    assert sorted(ended) == ["tests-0", "tests-1"]
