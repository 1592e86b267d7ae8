"""Throughput of the sending engine with a local SMTP server, against a bare smtplib loop of the same worker count.

    python -m tests.benchmarks.bench_messaging [--messages 2000] [--workers 2] [--rounds 3]

The cost of a message is measured as CPU time of the workers and of PostgreSQL, which other load on the machine hardly affects,
and as WAL volume.

Both sides send the same messages to the same server (aiosmtpd in a separate process, which discards them), with the same number
of processes, each with one persistent connection. The bare loop only builds and sends. The engine also claims by lease, checks
suppressions, and records statuses, timelines, statistics, outbox events and the audit trail, with production's settings and
durability.
"""

import argparse
import multiprocessing
import os
import smtplib
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any

import psycopg

MUST_REACH = 0.60
# The share of the first rounds' throughput that the last rounds must retain, despite full tables.
MUST_HOLD = 0.80
DATABASE = "pomelo"
ROUNDS = 3
TEXT = "Hello Ada,\n\nyour order has been shipped.\n\nAcme\n" * 8


def main() -> None:
    """Measure, and print one table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--messages", type=int, default=2000, help="messages in each round")
    options.add_argument("--workers", type=int, default=2, help="processes on each side")
    options.add_argument("--rounds", type=int, default=ROUNDS, help="rounds of each side, in turn")
    chosen = options.parse_args()
    measure(chosen.messages, chosen.workers, chosen.rounds)


@dataclass(frozen=True, slots=True)
class Cost:
    """A round: messages per second, and milliseconds of CPU and bytes of WAL per message."""

    rate: float
    worker_ms: float
    postgres_ms: float
    wal: float


def measure(messages: int, workers: int, rounds: int) -> float:
    """Run both sides alternately, print the table and return the ratio of their medians."""
    from tests.benchmarks.stage import stage

    share = messages // workers
    bare, ours = [], []
    with stage() as scene, _Server() as url:
        scene.make_database(DATABASE)
        os.environ |= scene.environment(
            DATABASE, MESSAGING_SMTP_URL=url, MESSAGING_EMAIL_PROVIDER="smtp", MESSAGING_CONCURRENCY="1"
        )
        os.environ["BENCH_COMPANY"] = _make_company()
        team = _Team(workers, url, scene)
        team.prove()
        for _ in range(rounds):
            bare.append(team.run("bare", share))
            team.run("queue", share)
            ours.append(team.run("engine", share))
        team.end()
    ratio = _median(ours, lambda cost: cost.rate) / _median(bare, lambda cost: cost.rate)
    _print_table(messages, workers, bare, ours, ratio)
    return ratio


class _Team:
    """The worker processes, which live as long as the run, because workers are long-lived in production too."""

    def __init__(self, workers: int, url: str, scene: Any) -> None:
        context = multiprocessing.get_context("spawn")
        self._scene = scene
        self._pipes = []
        for _ in range(workers):
            parent, child = context.Pipe()
            context.Process(target=_work, args=(url, child), daemon=True).start()
            self._pipes.append(parent)
        for pipe in self._pipes:
            pipe.recv()

    def prove(self) -> None:
        """Verify the sender domain acme.example, whose email is signed."""
        self._pipes[0].send(("prove", 0))
        self._pipes[0].recv()

    def end(self) -> None:
        """Stop the processes."""
        for pipe in self._pipes:
            pipe.send(("end", 0))

    def run(self, task: str, share: int) -> Cost:
        """Start all workers on their shares simultaneously, and wait for the last one."""
        wal, postgres = _written(self._scene), self._scene.postgres_cpu()
        started = time.perf_counter()
        for pipe in self._pipes:
            pipe.send((task, share))
        spent = sum(pipe.recv() for pipe in self._pipes)
        seconds = time.perf_counter() - started
        count = share * len(self._pipes)
        return Cost(
            rate=count / seconds,
            worker_ms=spent * 1000 / count,
            postgres_ms=(self._scene.postgres_cpu() - postgres) * 1000 / count,
            wal=(_written(self._scene) - wal) / count,
        )


def _work(url: str, pipe: Any) -> None:
    """Run the tasks from the pipe, and report the CPU seconds of each."""
    import django

    django.setup()
    from django.db import connection

    connection.ensure_connection()
    pipe.send(None)
    tasks = {"bare": _bare, "engine": _engine, "prove": _prove, "queue": _queue}
    while True:
        task, count = pipe.recv()
        if task == "end":
            return
        began = time.process_time()
        tasks[task](url, count)
        pipe.send(time.process_time() - began)


def _median(rounds: list[Cost], of: Callable[[Cost], float]) -> float:
    return statistics.median(of(cost) for cost in rounds)


def _ends(rounds: list[Cost], of: Callable[[Cost], float]) -> tuple[float, float]:
    """Return the medians of the first and last third of the rounds."""
    third = max(1, len(rounds) // 3)
    return _median(rounds[:third], of), _median(rounds[-third:], of)


def _held(rounds: list[Cost]) -> float:
    """Return the throughput of the last third of the rounds relative to the first."""
    early, late = _ends(rounds, lambda cost: cost.rate)
    return late / early


def _print_table(messages: int, workers: int, bare: list[Cost], ours: list[Cost], ratio: float) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"Sending {messages} emails, {workers} workers, median of {len(bare)} rounds")
    for name in ("", "messages/s", "worker ms", "PostgreSQL ms", "WAL bytes", "ratio", "must reach"):
        table.add_column(name, justify="left" if not name else "right")
    table.add_row("bare smtplib loop", *_figures(bare), "100 %", "")
    verdict = "green" if ratio >= MUST_REACH else "red"
    table.add_row(
        "sending engine", *_figures(ours), f"[{verdict}]{ratio:.0%}[/{verdict}]", f"{MUST_REACH:.0%}"
    )
    console = Console()
    console.print(table)
    for name, rounds in (("bare loop", bare), ("engine", ours)):
        console.print(f"{name}, each round: {' '.join(f'{cost.rate:,.0f}' for cost in rounds)}")
    for name, of in (("worker", lambda cost: cost.worker_ms), ("PostgreSQL", lambda cost: cost.postgres_ms)):
        early, late = _ends(ours, of)
        console.print(
            f"{name}: {early:.2f} ms a message in the first third of the rounds, {late:.2f} in the last"
        )
    console.print(
        f"The last third of the engine's rounds reached {_held(ours):.0%} of the first, the bare loop's {_held(bare):.0%}: "
        f"beside the bare loop it held {_held(ours) / _held(bare):.0%} (must hold {MUST_HOLD:.0%})."
    )


def _figures(rounds: list[Cost]) -> list[str]:
    return [
        f"{_median(rounds, lambda cost: cost.rate):,.0f}",
        f"{_median(rounds, lambda cost: cost.worker_ms):.2f}",
        f"{_median(rounds, lambda cost: cost.postgres_ms):.2f}",
        f"{_median(rounds, lambda cost: cost.wal):,.0f}",
    ]


def _written(scene: Any) -> int:
    with psycopg.connect(scene.superuser_url(DATABASE)) as connection:
        row = connection.execute("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')").fetchone()
    assert row is not None
    return int(row[0])


def _bare(url: str, count: int) -> None:
    host, port = url.removeprefix("smtp://").split(":")
    connection = smtplib.SMTP(host, int(port))
    connection.ehlo()
    for number in range(count):
        message = EmailMessage()
        message["From"], message["To"] = "news@acme.example", f"r{number}@example.com"
        message["Subject"], message["Message-ID"] = "Your order", f"<{number}@acme.example>"
        message.set_content(TEXT)
        connection.sendmail("news@acme.example", [f"r{number}@example.com"], message.as_bytes())
    connection.quit()


def _engine(url: str, count: int) -> None:
    from messaging.services import send_due_messages

    send_due_messages(seconds=600)


def _make_company() -> str:
    """Create a company with sufficient caps and return its ID."""
    options = ["--name", "Acme", "--tier", "enterprise", "--owner-email", "ada@acme.example"]
    made = subprocess.run(
        [sys.executable, "manage.py", "create_company", *options], capture_output=True, text=True, check=True
    )
    return made.stdout.split()[-1]


def _prove(url: str, count: int) -> None:
    from core.tenancy import Tenant
    from core.values import ids
    from tests.factories import prove_domain

    prove_domain(Tenant(ids.decode("co", os.environ["BENCH_COMPANY"]), "live"), "acme.example")


def _queue(url: str, count: int) -> None:
    """Queue `count` messages for the engine's next round."""
    from core.principal import Principal
    from core.tenancy import Tenant, tenant_context
    from core.values import ids
    from messaging.services import create_message

    tenant = Tenant(ids.decode("co", os.environ["BENCH_COMPANY"]), "live")
    actor = Principal.system("benchmarks")
    for begin in range(0, count, 100):
        with tenant_context(tenant):
            for number in range(begin, min(begin + 100, count)):
                create_message(
                    actor=actor,
                    channel="email",
                    to=[f"r{number}@example.com"],
                    sender="news@acme.example",
                    subject="Your order",
                    text=TEXT,
                )


class _Server:
    """An SMTP server in a separate process that accepts and discards everything."""

    def __enter__(self) -> str:
        context = multiprocessing.get_context("spawn")
        parent, child = context.Pipe()
        self._process = context.Process(target=_serve, args=(child,), daemon=True)
        self._process.start()
        return str(parent.recv())

    def __exit__(self, *error: object) -> None:
        self._process.kill()
        self._process.join()


def _serve(pipe: Any) -> None:
    from aiosmtpd.controller import Controller

    from tests.messaging.smtp import free_port

    class Drop:
        async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
            return "250 OK"

    controller = Controller(Drop(), hostname="127.0.0.1", port=free_port())
    controller.start()
    pipe.send(f"smtp://127.0.0.1:{controller.port}")
    while True:
        time.sleep(3600)


if __name__ == "__main__":
    main()
