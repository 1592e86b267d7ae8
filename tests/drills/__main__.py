"""`python -m tests.drills`: run all drills or the named ones and print a table. Fails if anything was lost.

Each takes about a minute more than its outage: `--seconds` for the servers (60 by default), half of that for the lock.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.chaos.ledger import balance
from tests.chaos.run import settle
from tests.chaos.traffic import FlakyReceiver
from tests.drills import outages
from tests.drills.callers import Callers
from tests.drills.outages import DrillStage, Outcome, run_outage
from tests.drills.overload import LOAD, overload
from tests.engines import private_valkey

SERVERS: dict[str, Callable[[DrillStage, float], None]] = {
    "PostgreSQL away": outages.postgres_away,
    "Valkey away": outages.valkey_away,
    "broker away": outages.broker_away,
    "table locked": outages.table_locked,
}
DISK = "disk full"
NAMES = {
    "postgresql": "PostgreSQL away",
    "valkey": "Valkey away",
    "broker": "broker away",
    "lock": "table locked",
}


def main() -> int:
    """Run the drills and report."""
    parser = argparse.ArgumentParser(prog="python -m tests.drills", description=__doc__)
    parser.add_argument(
        "drills", nargs="*", choices=[*NAMES, "disk", "load", []], help="all of them by default"
    )
    parser.add_argument("--seconds", type=float, default=60.0)
    options = parser.parse_args()
    wanted = options.drills or [*NAMES, "disk", "load"]
    console, failed = Console(width=160), False
    on_usual = [NAMES[name] for name in wanted if name in NAMES]
    if on_usual:
        failed |= drill(console, on_usual, options.seconds)
    if "load" in wanted:  # on a platform of its own, with hardly anybody else calling
        failed |= drill(console, [LOAD], options.seconds)
    if "disk" in wanted:
        try:
            with outages.small_disk() as folder:
                failed |= drill(console, [DISK], options.seconds, folder=folder)
        except PermissionError as error:
            console.print(f"{DISK}: not drilled, since no file system may be mounted here ({error})")
            failed = True
    return int(failed)


def drill(console: Console, names: list[str], seconds: float, *, folder: Path | None = None) -> bool:
    """Run the drills one after the other on one platform, print the results, and return whether anything failed."""
    with contextlib.ExitStack() as stack:
        broker = stack.enter_context(private_valkey())
        receiver = stack.enter_context(FlakyReceiver(failing=0.0))
        stage = stack.enter_context(DrillStage(broker, folder))
        made = json.loads(stage.run_module("tests.chaos.seed", receiver.url))
        receiver.secret = made["secret"]
        stage.start()
        few = names == [LOAD]
        callers = Callers(
            stage.url,
            made["key"],
            writers=1 if few else 3,
            readers=1 if few else 3,
            per_second=2.0 if few else 10.0,
        )
        callers.start()
        callers.wait_for_write(since=0.0)
        outcomes = []
        for name in names:
            if name == LOAD:
                outcomes.append(overload(console, stage, callers))
                continue
            lasts = seconds / 2 if name == "table locked" else seconds
            console.print(f"{name} for {lasts:.0f} s")
            away = outages.disk_full if name == DISK else SERVERS[name]
            outcomes.append(run_outage(name, lasts, stage, callers, partial(away, stage)))
        callers.stop()
        settle(stage, made["company"])
        ledger = balance(
            stage, made["company"], accepted=callers.accepted, delivered=receiver.subjects.values()
        )
        console.print(_table(outcomes, callers))
        console.print(f"{ledger}; unexpected responses: {len(callers.surprises)}")
        for surprise in callers.surprises[:5]:
            console.print(surprise)
        return bool(ledger.lost_writes or ledger.lost_events or ledger.double_writes)


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
