"""One chaos run: start the platform and the writers, cause failures, wait until it settles, compare the sets of IDs."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psycopg

from core.engines.pair import DATABASE
from tests.chaos.ledger import balance
from tests.chaos.stage import Stage
from tests.chaos.traffic import FlakyReceiver, Writers
from tests.chaos.trouble import Trouble
from tests.threads import Repeated

SETTLE_SECONDS = 120


@dataclass(frozen=True)
class Report:
    """The result of a run. IDs are compared as sets, not counted."""

    seconds: float
    accepted: int
    events: int
    delivered: int
    lost_writes: set[str]
    double_writes: set[str]
    lost_events: set[str]
    duplicates: int
    refused_by_receiver: int
    forged: int
    mishaps: dict[str, int]
    spared: set[str]  # kinds of failures that did not occur
    longest_silence: float
    slowest: float
    median: float
    repeats: int
    surprises: list[str]
    stale_claims: int


def run(
    seconds: float,
    *,
    say: Callable[[str], None] = lambda text: None,
    seed: int | None = None,
    data_dir: Path | None = None,
    database: str = DATABASE,
    at_least: int = 0,
) -> Report:
    """Run chaos for `seconds` and return the report. Starting and settling take another minute.

    A slow machine spends most of the time restarting killed processes, so the writers continue until `at_least` writes have
    been accepted.

    `data_dir` is a folder whose engines and database may be damaged; by default a new one.
    """
    with Stage(data_dir, database) as stage, FlakyReceiver() as receiver:
        made = json.loads(stage.run_module("tests.chaos.seed", receiver.url))
        receiver.secret = made["secret"]
        say("The engines are up; starting web, two workers and beat.")
        stage.start()
        writers = Writers(stage.url, key=made["key"])
        clock = Clock(stage)
        writers.start()
        clock.start()
        trouble = Trouble(stage, seed=seed)
        say(f"Causing failures for {seconds:.0f} s.")
        began = time.monotonic()
        trouble.run(seconds)
        say("Waiting for calm.")
        writers.stop(at_least=at_least)
        try:
            settle(stage, made["company"])
        finally:
            clock.stop()
        return _compare(stage, made["company"], writers, receiver, trouble, time.monotonic() - began)


class Clock(Repeated):
    """Makes retries due early. A delivery that failed twice would otherwise wait for five minutes."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(self._run)
        self._stage = stage

    def _run(self) -> None:
        while not self._stopping.wait(2):
            try:
                self._stage.query(
                    "UPDATE webhooks_delivery SET due_at = now() WHERE status = 'retrying' AND due_at > now() + interval '6 s'"
                )
            except psycopg.Error:
                continue  # PostgreSQL is being killed


def settle(stage: Stage, company: str) -> None:
    """Wait until all events and deliveries of the company are processed.

    Raises AssertionError after SETTLE_SECONDS, with what is left and which parts are up.
    """
    deadline = time.monotonic() + SETTLE_SECONDS
    while time.monotonic() < deadline:
        try:
            [[waiting]] = stage.query(
                "SELECT (SELECT count(*) FROM core_outboxevent WHERE relayed_at IS NULL AND company_id = %s)"
                " + (SELECT count(*) FROM webhooks_delivery WHERE due_at IS NOT NULL AND company_id = %s)",
                company,
                company,
            )
        except psycopg.Error:
            waiting = None
        if waiting == 0:
            return
        time.sleep(0.5)
    left = stage.query(
        "SELECT status, count(*), min(due_at - now())::text, max(due_at - now())::text, max(attempts)"
        " FROM webhooks_delivery WHERE due_at IS NOT NULL AND company_id = %s GROUP BY status",
        company,
    )
    up = {name: stage.is_up(name) for name in stage.commands()}
    raise AssertionError(
        f"{waiting} events and deliveries are left: {left}; parts that are up: {up}; failed starts: {stage.failed_starts}"
    )


def _compare(
    stage: Stage, company: str, writers: Writers, receiver: FlakyReceiver, trouble: Trouble, seconds: float
) -> Report:
    ledger = balance(stage, company, accepted=writers.accepted, delivered=receiver.subjects.values())
    [[claims]] = stage.query(
        "SELECT coalesce(sum(d.attempts - (SELECT count(*) FROM webhooks_attempt a WHERE a.delivery_id = d.id)), 0)"
        " FROM webhooks_delivery d WHERE d.company_id = %s",
        company,
    )
    delays = sorted(
        receiver.first[subject] - at for subject, at in writers.accepted.items() if subject in receiver.first
    )
    receipts = sorted(receiver.first.values())
    return Report(
        seconds=seconds,
        accepted=len(ledger.accepted),
        events=len(ledger.events),
        delivered=len(receiver.accepted),
        lost_writes=ledger.lost_writes,
        double_writes=ledger.double_writes,
        lost_events=ledger.lost_events,
        duplicates=sum(receiver.accepted.values()) - len(receiver.accepted),
        refused_by_receiver=receiver.refused,
        forged=receiver.forged,
        mishaps=dict(trouble.counts),
        spared=trouble.spared,
        longest_silence=max((b - a for a, b in itertools.pairwise(receipts)), default=0.0),
        slowest=delays[-1] if delays else 0.0,
        median=delays[len(delays) // 2] if delays else 0.0,
        repeats=writers.repeats,
        surprises=writers.surprises,
        stale_claims=int(str(claims)),
    )
