"""`python -m tests.drills`: every drill, or those that are named, and one table. Ends with an error when anything was lost.

About a minute more for each than it lasts: `--seconds` for the servers (60 by default), half of it for the lock.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import urllib3
from rich.console import Console
from rich.table import Table

from tests.chaos.ledger import balance
from tests.chaos.run import settle
from tests.chaos.stage import answers
from tests.chaos.traffic import FlakyReceiver
from tests.drills import outages
from tests.drills.callers import Callers, offer
from tests.drills.outages import DrillStage, Outcome, run_outage
from tests.engines import private_valkey

SERVERS: dict[str, Callable[[DrillStage, float], None]] = {
    "PostgreSQL away": outages.postgres_away,
    "Valkey away": outages.valkey_away,
    "broker away": outages.broker_away,
    "table locked": outages.table_locked,
}
DISK, LOAD = "disk full", "three times the load"
NAMES = {
    "postgresql": "PostgreSQL away",
    "valkey": "Valkey away",
    "broker": "broker away",
    "lock": "table locked",
}
LOAD_SECONDS = 20.0


def main() -> int:
    """Drill and report."""
    parser = argparse.ArgumentParser(prog="python -m tests.drills", description=__doc__)
    parser.add_argument(
        "drills", nargs="*", choices=[*NAMES, "disk", "load", []], help="all of them by default"
    )
    parser.add_argument("--seconds", type=float, default=60.0)
    options = parser.parse_args()
    wanted = options.drills or [*NAMES, "disk", "load"]
    console, failed = Console(width=160), False
    on_usual = [NAMES[name] for name in wanted if name in NAMES]
    if on_usual or "load" in wanted:
        failed |= drill(console, on_usual, options.seconds, load="load" in wanted)
    if "disk" in wanted:
        try:
            with outages.small_disk() as folder:
                failed |= drill(console, [DISK], options.seconds, folder=folder)
        except PermissionError as error:
            console.print(f"{DISK}: not drilled, since no file system may be mounted here ({error})")
            failed = True
    return int(failed)


def drill(
    console: Console, names: list[str], seconds: float, *, load: bool = False, folder: Path | None = None
) -> bool:
    """Take one thing after the other away from one platform; print what came of it, and return whether anything is wrong."""
    with contextlib.ExitStack() as stack:
        broker = stack.enter_context(private_valkey())
        receiver = stack.enter_context(FlakyReceiver(failing=0.0))
        stage = stack.enter_context(DrillStage(broker, folder))
        made = json.loads(stage.run_module("tests.chaos.seed", receiver.url))
        receiver.secret = made["secret"]
        stage.start()
        callers = Callers(stage.url, made["key"])
        callers.start()
        callers.wait_for_write(since=0.0)
        outcomes = []
        for name in names:
            lasts = seconds / 2 if name == "table locked" else seconds
            console.print(f"{name} for {lasts:.0f} s")
            away = outages.disk_full if name == DISK else SERVERS[name]
            outcomes.append(run_outage(name, lasts, stage, callers, partial(away, stage)))
        if load:
            console.print(LOAD)
            outcomes.append(_overload(console, stage, callers))
        callers.stop()
        settle(stage, made["company"])
        ledger = balance(
            stage, made["company"], accepted=callers.accepted, delivered=receiver.subjects.values()
        )
        console.print(_table(outcomes, callers))
        console.print(f"{ledger}; unexpected answers: {len(callers.surprises)}")
        for surprise in callers.surprises[:5]:
            console.print(surprise)
        return bool(ledger.lost_writes or ledger.lost_events or ledger.double_writes)


def _overload(console: Console, stage: DrillStage, callers: Callers) -> Outcome:
    """Measure what can be done, then offer three times as much, and look at the health meanwhile."""
    busy = Callers(stage.url, callers.key, writers=12, readers=0, per_second=1e6)
    busy.start()
    time.sleep(8)
    busy.stop()
    capacity = len(busy.accepted) / 8
    callers.accepted |= busy.accepted
    offer(callers, "a third of capacity", per_second=capacity / 3, seconds=10)
    pool, green, asked = urllib3.PoolManager(retries=False, timeout=2), 0, 0
    watching = True

    def watch() -> None:
        nonlocal green, asked
        while watching:
            green += answers(pool, f"{stage.url}/healthz")
            asked += 1
            time.sleep(0.5)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    offer(callers, LOAD, per_second=capacity * 3, seconds=LOAD_SECONDS)
    watching = False
    watcher.join()
    back = time.monotonic()
    callers.phase = f"after {LOAD}"
    recovery = callers.wait_for_write(since=back)
    usual, loaded = callers.phases["a third of capacity"], callers.phases[LOAD]
    normal, under_load = usual.percentile(0.99), loaded.percentile(0.99)
    console.print(
        f"capacity {capacity:.0f} writes/s; p99 of good answers {normal * 1000:.0f} ms at a third of it, "
        f"{under_load * 1000:.0f} ms at three times: {under_load / normal:.1f} x (at most 2); /healthz green {green} of {asked}"
    )
    return Outcome(LOAD, LOAD_SECONDS, LOAD, recovery)


def _table(outcomes: list[Outcome], callers: Callers) -> Table:
    table = Table()
    for column in (
        "drill",
        "s",
        "2xx",
        "503",
        "other 5xx",
        "timed out",
        "cut off",
        "p99 of 2xx",
        "first write after",
    ):
        table.add_column(column, justify="left" if column == "drill" else "right")
    for outcome in outcomes:
        phase = callers.phases[outcome.phase]
        other = sum(
            count
            for kind, count in phase.answers.items()
            if kind.split()[1].startswith("5") and not kind.endswith("503")
        )
        table.add_row(
            outcome.name,
            f"{outcome.seconds:.0f}",
            f"{phase.count('write 201')} writes, {phase.count('read 200')} reads",
            f"{phase.count('write 503')} writes, {phase.count('read 503')} reads",
            str(other),
            f"{phase.count('write timed out')} writes, {phase.count('read timed out')} reads",
            str(phase.total("cut off")),
            f"{phase.percentile(0.99) * 1000:.0f} ms",
            f"{outcome.recovery:.1f} s",
        )
    return table


if __name__ == "__main__":
    sys.exit(main())
