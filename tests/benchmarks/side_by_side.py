"""Scaling of relays and claims: `python -m tests.benchmarks.side_by_side` prints the throughput of 1, 2, 3 and 4 processes.

Events of thirty companies are relayed to two endpoints each, and then claimed 64 at a time, without being sent. The claims of 1, 2
and 4 processes are measured with a single lock and with one lock per shard.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.engines import private_platform

ROOT = Path(__file__).resolve().parents[2]
COMPANIES = 30
EVENTS = 12_000
PLACES = 64


def _start(environment: dict[str, str], *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.side_by_side", *arguments],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _run_side_by_side(environment: dict[str, str], count: int, *arguments: str) -> float:
    """Return the total throughput of `count` processes, which start simultaneously."""
    processes = [_start(environment, *arguments) for _ in range(count)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    began = time.monotonic()
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    done = [json.loads(process.communicate()[0]) for process in processes]
    return float(sum(done) / (time.monotonic() - began))


def _seed(environment: dict[str, str]) -> None:
    process = _start(environment, "--part=seed")
    process.communicate("go\n")
    assert process.returncode == 0


def main() -> None:
    """Measure and print."""
    table = Table(title="Side by side")
    for column in ("what", "processes", "per second"):
        table.add_column(column, justify="right")
    with private_platform(durable=True) as (_, addresses):
        environment = os.environ | addresses | {"DJANGO_SETTINGS_MODULE": "config.settings.test"}
        for relays in (1, 3):
            _seed(environment)
            table.add_row(
                "events relayed", str(relays), f"{_run_side_by_side(environment, relays, '--part=relay'):.0f}"
            )
        for shards in (1, 8):
            for workers in (1, 2, 4):
                _seed(environment)
                _run_side_by_side(environment, 1, "--part=relay")
                rate = _run_side_by_side(environment, workers, "--part=claim", f"--shards={shards}")
                table.add_row(f"deliveries claimed, {shards} locks", str(workers), f"{rate:.0f}")
    Console().print(table)


def _work(part: str, shards: int) -> int:
    import django

    django.setup()
    from core.tenancy import system_context
    from tests.benchmarks import webhook_load
    from tests.factories import make_world
    from webhooks.delivery import claim as claims
    from webhooks.delivery.limits import Limits
    from webhooks.delivery.pump import SOON_SECONDS
    from webhooks.models import Delivery
    from webhooks.relay import relay_events

    def seed() -> int:
        with system_context(reason="benchmark"):
            Delivery.objects.filter(due_at__isnull=False).update(
                status="canceled", due_at=None, finished_at="2026-01-01T00:00:00Z"
            )
        for _ in range(COMPANIES):
            company = make_world().company
            for path in ("a", "b"):
                webhook_load.make_endpoint(company, f"https://example.com/{path}")
            webhook_load.make_events(company, EVENTS // COMPANIES)
        return 0

    def relay() -> int:
        count = 0
        while (done := relay_events()).waiting or done.events:
            count += done.events
            if not done.events:
                time.sleep(SOON_SECONDS)  # like the pump: another relay holds the remaining work
        return count

    def claim() -> int:
        claims.SHARDS = shards
        limits, count = Limits(per_endpoint=100_000, lease=600), 0
        while True:
            with system_context(reason="benchmark"):
                claimed = claims.claim(PLACES, PLACES, limits)
            if not claimed.jobs:
                with system_context(reason="benchmark"):
                    if not Delivery.objects.filter(status="pending").exists():
                        return count
            count += len(claimed.jobs)

    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    return {"seed": seed, "relay": relay, "claim": claim}[part]()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--part", choices=["seed", "relay", "claim"])
    parser.add_argument("--shards", type=int, default=8)
    chosen = parser.parse_args()
    if chosen.part is None:
        main()
    else:
        json.dump(_work(chosen.part, chosen.shards), sys.stdout)
