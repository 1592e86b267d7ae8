"""Overload at three times capacity: the latency of accepted requests compared to normal load, and of refusals."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterable, Iterator

import psutil
import urllib3
from rich.console import Console

from tests.chaos.stage import answers
from tests.drills.callers import Callers, Phase, offer, percentile
from tests.drills.outages import DrillStage, Outcome

LOAD = "three times the load"
LOAD_SECONDS = 20.0
MOST_TIMES = 2.0
# The CPU utilization at which deploy/kubernetes adds a web server, taken as normal load.
NORMAL_SHARE = 0.7
QUIET_SHARE = 1 / 3


def overload(console: Console, stage: DrillStage, callers: Callers) -> Outcome:
    """Measure the capacity, offer normal load and then three times the capacity, poll the health check, and print the results."""
    with alone_on_a_core(stage.pids("web")) as where:
        busy = offer(callers, "as much as can be done", per_second=None, seconds=8.0)
        capacity = busy.count("write 201") / 8.0
        quiet = offer(callers, "a quiet day", per_second=capacity * QUIET_SHARE, seconds=LOAD_SECONDS)
        normal = offer(callers, "a normal day", per_second=capacity * NORMAL_SHARE, seconds=LOAD_SECONDS)
        with watched_health(stage.url) as health:
            loaded = offer(callers, LOAD, per_second=capacity * 3, seconds=LOAD_SECONDS)
    back = time.monotonic()
    callers.phase = f"after {LOAD}"
    recovery = callers.wait_for_write(since=back)
    console.print(f"{where}. Capacity: {capacity:.0f} writes/s, by a closed loop.")
    for share, phase in ((QUIET_SHARE, quiet), (NORMAL_SHARE, normal), (3.0, loaded)):
        console.print(_line(share, phase))
    usual, under_load = normal.percentile(0.99), loaded.percentile(0.99)
    times = under_load / usual if usual else float("inf")
    verdict = "holds" if times <= MOST_TIMES else "does not hold"
    console.print(
        f"p99 under overload is {times:.2f} x that of a normal day ({under_load * 1000:.0f} ms, {usual * 1000:.0f} ms), at most "
        f"{MOST_TIMES:.0f}: {verdict}. /healthz green {sum(health)} of {len(health)}."
    )
    return Outcome(LOAD, LOAD_SECONDS, LOAD, recovery)


def _line(share: float, phase: Phase) -> str:
    p50, p99 = (phase.percentile(part) * 1000 for part in (0.5, 0.99))
    line = f"{share:4.2f} x capacity: accepted {phase.count('write 201')}, p50 {p50:.1f} ms, p99 {p99:.1f} ms; refused {phase.count('write 503')}"
    if phase.refused:
        p50, p99 = (percentile(phase.refused, part) * 1000 for part in (0.5, 0.99))
        line += f", p50 {p50:.1f} ms, p99 {p99:.1f} ms"
    return f"{line}; timed out {phase.total('timed out')}"


@contextlib.contextmanager
def alone_on_a_core(pids: list[int]) -> Iterator[str]:
    """Pin these processes to one core, and the rest of the platform and its clients to the others, like separate machines.

    Yields a description of the result, because pinning is not possible on a single core or on some systems.
    """
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if len(cores) < 2:
        yield "Web server, clients, worker and PostgreSQL share their processors"
        return
    rest = {os.getpid(), *(child.pid for child in psutil.Process().children(recursive=True))}.difference(pids)
    _pin(pids, cores[:1])
    _pin(rest, cores[1:])
    try:
        yield f"Web server on one core; clients, worker and PostgreSQL on {'the other' if len(cores) == 2 else f'{len(cores) - 1} others'}"
    finally:
        _pin([*pids, *rest], cores)


def _pin(pids: Iterable[int], cores: list[int]) -> None:
    for pid in pids:
        with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):  # it has exited meanwhile
            for thread in psutil.Process(pid).threads():
                os.sched_setaffinity(thread.id, cores)


@contextlib.contextmanager
def watched_health(url: str) -> Iterator[list[bool]]:
    """Poll /healthz twice a second, with the timeout of a kubelet probe, and yield the list of results."""
    pool, found = urllib3.PoolManager(retries=False, timeout=1), []
    ending = threading.Event()

    def watch() -> None:
        while not ending.wait(0.5):
            found.append(answers(pool, f"{url}/healthz"))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield found
    finally:
        ending.set()
        watcher.join()
