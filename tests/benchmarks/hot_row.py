"""Sends of one company against sends of eight: `python -m tests.benchmarks.hot_row [--seconds 10] [--round-trip 5]`.

Eight threads accept messages, each in its own transaction, with a simulated round trip to PostgreSQL (`--round-trip`, in
milliseconds): all for one company; the same with a single counter row per day instead of shares; and each for a different company.
The sides alternate every second in changing order, after a warm-up each, so a busy machine slows all of them alike. The share of
time that backends wait for locks, which does not depend on the machine's load, is sampled too.
"""

import argparse
import os
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from tests.engines import private_platform

ROOT = Path(__file__).resolve().parents[2]
THREADS = 8
TURN_SECONDS = 1.0
SAMPLE_SECONDS = 0.01
ONE_ROW = """
INSERT INTO messaging_dailyusage AS usage (id, company_id, mode, created, channel, day, recipients)
SELECT %(id)s, %(company)s, %(mode)s, %(now)s, %(channel)s, %(day)s, %(recipients)s
ON CONFLICT (company_id, mode, channel, day) DO UPDATE SET recipients = usage.recipients + excluded.recipients
WHERE usage.recipients + excluded.recipients <= %(cap)s
RETURNING recipients
"""


def main() -> None:
    """Start a private platform and measure it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=10, help="turns of a second, of each side")
    parser.add_argument("--round-trip", type=float, default=5.0, help="milliseconds to PostgreSQL")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.inside:
        measure(chosen.seconds, chosen.round_trip / 1000)
        return
    with private_platform(durable=True) as (engines, addresses):
        environment = (
            os.environ
            | addresses
            | {"SUPERUSER_URL": engines.superuser_url, "DJANGO_SETTINGS_MODULE": "config.settings.test"}
        )
        command = [sys.executable, "-m", "tests.benchmarks.hot_row", "--inside", *sys.argv[1:]]
        subprocess.run(command, cwd=ROOT, env=environment, check=True)


def measure(turns: int, round_trip: float) -> None:
    """Print the throughput of all sides, their ratios, and the share of time spent waiting for locks."""
    import django

    django.setup()
    from core.tenancy import Tenant
    from messaging.services import caps
    from tests.factories import make_company, make_user

    _put_away(round_trip)
    user = make_user("bench")
    companies = [make_company(f"Company {n}", user, tier="enterprise") for n in range(THREADS)]
    tenants = [Tenant(company.id, "test") for company in companies]
    shared = caps._RESERVE
    sides = {
        "one company, one row": (tenants[:1] * THREADS, ONE_ROW),
        "one company, shares": (tenants[:1] * THREADS, shared),
        "eight companies": (tenants, shared),
    }
    rates: dict[str, list[float]] = {name: [] for name in sides}
    waits: dict[str, list[float]] = {name: [] for name in sides}
    order = list(sides)
    for turn in range(turns + 1):
        for name in order:
            senders, caps._RESERVE = sides[name]
            rate, waited = _rate(senders)
            if turn:
                rates[name].append(rate)
                waits[name].append(waited)
        order.append(order.pop(0))
    most = statistics.mean(rates["eight companies"])
    for name, found in rates.items():
        rate = statistics.mean(found)
        beside = statistics.median(
            one / other for one, other in zip(found, rates["eight companies"], strict=True)
        )
        print(
            f"{name}: {rate:.0f}/s, {rate / most:.2f} x (median of the turns {beside:.2f}); "
            f"{statistics.mean(waits[name]):.1%} of the backends' time waiting for locks"
        )


def _put_away(round_trip: float) -> None:
    """Delay every message to PostgreSQL, including commits, by a round trip."""
    from core.postgres.base import DatabaseWrapper

    begin, commit = DatabaseWrapper.connect, DatabaseWrapper._commit

    def slower(execute: Any, *arguments: Any) -> Any:
        time.sleep(round_trip)
        return execute(*arguments)

    def connect(self: Any) -> None:
        begin(self)
        if slower not in self.execute_wrappers:
            self.execute_wrappers.append(slower)

    def _commit(self: Any) -> Any:
        time.sleep(round_trip)
        return commit(self)

    DatabaseWrapper.connect, DatabaseWrapper._commit = connect, _commit  # type: ignore[method-assign]


def _rate(tenants: list[Any]) -> tuple[float, float]:
    """Send for one turn. Return messages per second, and the share of time that backends waited for locks."""
    from django.db import connection

    from core.principal import Principal
    from core.tenancy import tenant_context
    from messaging.services import create_message

    actor, sent = Principal.system("benchmarks"), [0] * len(tenants)
    begin, end = threading.Barrier(len(tenants)), threading.Event()

    def send(number: int) -> None:
        begin.wait()
        while not end.is_set():
            with tenant_context(tenants[number]):
                create_message(
                    actor=actor, channel="email", to=["ada@example.com"], subject="Your order", text="Hi"
                )
            sent[number] += 1
        connection.close()  # return it to the pool, as the next side's threads need one each

    threads = [threading.Thread(target=send, args=(number,)) for number in range(len(tenants))]
    for thread in threads:
        thread.start()
    started = time.perf_counter()
    waited = _sample_locks(TURN_SECONDS)
    end.set()
    for thread in threads:
        thread.join()
    return sum(sent) / (time.perf_counter() - started), waited


def _sample_locks(seconds: float) -> float:
    import psycopg

    found, samples, until = 0, 0, time.perf_counter() + seconds
    with psycopg.connect(os.environ["SUPERUSER_URL"], autocommit=True) as superuser:
        while time.perf_counter() < until:
            row = superuser.execute(
                "SELECT count(*) FILTER (WHERE wait_event_type = 'Lock') FROM pg_stat_activity WHERE usename = 'app'"
            ).fetchone()
            assert row is not None
            found += row[0]
            samples += 1
            time.sleep(SAMPLE_SECONDS)
    return found / samples / THREADS


if __name__ == "__main__":
    main()
