"""Throughput of the sending engine with a local SMTP server, against a bare smtplib loop of the same worker count.

    python -m tests.benchmarks.bench_messaging [--messages 2000] [--workers 2] [--rounds 3]

Both sides hand the same messages to the same server (aiosmtpd in a process of its own, which throws them away), by the
same number of processes, each with one connection that it keeps. The bare loop builds and sends; the engine also claims
by lease, checks suppressions and writes down statuses, time lines, statistics, outbox events and the audit trail, with
production's settings and durability.
"""

import argparse
import multiprocessing
import os
import smtplib
import statistics
import subprocess
import sys
import time
from email.message import EmailMessage
from multiprocessing.synchronize import Barrier
from typing import Any

MUST_REACH = 0.60
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


def measure(messages: int, workers: int, rounds: int) -> float:
    """Run both sides in turn, print the table and return the ratio of their medians."""
    from tests.benchmarks.stage import stage

    share = messages // workers
    bare, ours = [], []
    with stage() as scene, _Server() as url:
        scene.make_database(DATABASE)
        os.environ |= scene.environment(
            DATABASE, MESSAGING_SMTP_URL=url, MESSAGING_EMAIL_PROVIDER="smtp", MESSAGING_CONCURRENCY="1"
        )
        os.environ["BENCH_COMPANY"] = _make_company()
        _run(_prove, 1, url, 0)
        for _ in range(rounds):
            bare.append(share * workers / _run(_bare_worker, workers, url, share))
            _run(_queue, workers, url, share)
            ours.append(share * workers / _run(_engine_worker, workers, url, share))
    ratio = statistics.median(ours) / statistics.median(bare)
    _print_table(messages, workers, bare, ours, ratio)
    return ratio


def _print_table(messages: int, workers: int, bare: list[float], ours: list[float], ratio: float) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"Sending {messages} emails, {workers} workers, median of {len(bare)} rounds")
    for name in ("", "messages/s", "each round", "ratio", "must reach"):
        table.add_column(name, justify="left" if not name else "right")
    table.add_row("bare smtplib loop", *_figures(bare), "100 %", "")
    verdict = "green" if ratio >= MUST_REACH else "red"
    table.add_row(
        "sending engine", *_figures(ours), f"[{verdict}]{ratio:.0%}[/{verdict}]", f"{MUST_REACH:.0%}"
    )
    Console().print(table)


def _figures(rates: list[float]) -> tuple[str, str]:
    return f"{statistics.median(rates):,.0f}", " ".join(f"{rate:,.0f}" for rate in rates)


def _run(target: Any, workers: int, url: str, count: int) -> float:
    """Run `workers` processes and return the seconds from the moment all were ready until the last had finished."""
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(workers + 1)
    processes = [context.Process(target=target, args=(url, count, barrier)) for _ in range(workers)]
    for process in processes:
        process.start()
    barrier.wait(120)
    started = time.perf_counter()
    for process in processes:
        process.join()
        if process.exitcode != 0:
            raise RuntimeError(f"a worker ended with {process.exitcode}")
    return time.perf_counter() - started


def _bare_worker(url: str, count: int, barrier: Barrier) -> None:
    host, port = url.removeprefix("smtp://").split(":")
    connection = smtplib.SMTP(host, int(port))
    connection.ehlo()
    barrier.wait(120)
    for number in range(count):
        message = EmailMessage()
        message["From"], message["To"] = "news@acme.example", f"r{number}@example.com"
        message["Subject"], message["Message-ID"] = "Your order", f"<{number}@acme.example>"
        message.set_content(TEXT)
        connection.sendmail("news@acme.example", [f"r{number}@example.com"], message.as_bytes())
    connection.quit()


def _engine_worker(url: str, count: int, barrier: Barrier) -> None:
    import django

    django.setup()
    from django.db import connection

    from messaging.services import send_due_messages

    connection.ensure_connection()
    barrier.wait(120)
    send_due_messages(seconds=600)


def _make_company() -> str:
    """Return the id of a company whose caps are high enough."""
    options = ["--name", "Acme", "--tier", "enterprise", "--owner-email", "ada@acme.example"]
    made = subprocess.run(
        [sys.executable, "manage.py", "create_company", *options], capture_output=True, text=True, check=True
    )
    return made.stdout.split()[-1]


def _prove(url: str, count: int, barrier: Barrier) -> None:
    """Let the company send as acme.example, whose mail is signed."""
    import django

    django.setup()
    from core import ids
    from core.tenancy import Tenant
    from tests.factories import prove_domain

    prove_domain(Tenant(ids.decode("co", os.environ["BENCH_COMPANY"]), "live"), "acme.example")
    barrier.wait(120)


def _queue(url: str, count: int, barrier: Barrier) -> None:
    """Accept `count` messages, which the next round of the engine sends."""
    import django

    django.setup()
    from core import ids
    from core.principal import Principal
    from core.tenancy import Tenant, tenant_context
    from messaging.services import create_message

    tenant = Tenant(ids.decode("co", os.environ["BENCH_COMPANY"]), "live")
    actor = Principal.system("benchmarks")
    barrier.wait(120)
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
    """An SMTP server in a process of its own, which takes everything and keeps nothing."""

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
