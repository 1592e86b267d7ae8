"""Throughput of the sending engine with a local SMTP server, against a bare smtplib loop of the same worker count.

    python -m tests.benchmarks.bench_messaging [--messages 2000] [--workers 2]

Both sides hand the same messages to the same server (aiosmtpd in a process of its own, which throws them away), by the
same number of processes, each with one connection. The bare loop builds and sends; the engine also claims by lease,
checks suppressions and writes down statuses, time lines, statistics, outbox events and the audit trail.
"""

import argparse
import multiprocessing
import os
import smtplib
import statistics
import time
from email.message import EmailMessage
from multiprocessing.synchronize import Barrier
from typing import Any

MUST_REACH = 0.60
ROUNDS = 3
TEXT = "Hello Ada,\n\nyour order has been shipped.\n\nAcme\n" * 8


def main() -> None:
    """Measure, and print one table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--messages", type=int, default=2000, help="messages in each round")
    options.add_argument("--workers", type=int, default=2, help="processes on each side")
    chosen = options.parse_args()
    measure(chosen.messages, chosen.workers)


def measure(messages: int, workers: int) -> float:
    """Run both sides in turn, print the table and return the ratio of their medians."""
    from tests.engines import start_engines

    start_engines()
    with _Server() as url:
        bare, ours = [], []
        for _ in range(ROUNDS):
            bare.append(messages / _run(_bare_worker, workers, url, messages // workers))
            _queue(messages)
            ours.append(messages / _run(_engine_worker, workers, url, messages // workers))
    ratio = statistics.median(ours) / statistics.median(bare)
    _print_table(messages, workers, bare, ours, ratio)
    return ratio


def _print_table(messages: int, workers: int, bare: list[float], ours: list[float], ratio: float) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"Sending {messages} emails, {workers} workers, median of {ROUNDS} rounds")
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
    _set_up()
    from django.conf import settings
    from django.db import connection

    from messaging.services import send_due_messages

    settings.MESSAGING_SMTP_URL = url
    settings.MESSAGING_PROVIDERS = {"email": "smtp"}
    settings.MESSAGING_CONCURRENCY = 1
    connection.ensure_connection()
    barrier.wait(120)
    send_due_messages(seconds=600)


def _queue(messages: int) -> None:
    """Accept the messages of a round, in a process of its own so that Django stays out of this one."""
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=_queue_here, args=(messages,))
    process.start()
    process.join()
    if process.exitcode != 0:
        raise RuntimeError("the messages could not be queued")


def _queue_here(messages: int) -> None:
    _set_up()
    from core.tenancy import tenant_context
    from messaging.services import create_message
    from tests.factories import SYSTEM, make_world

    tenant = make_world(tier="enterprise").tenant()
    for begin in range(0, messages, 100):
        with tenant_context(tenant):
            for number in range(begin, min(begin + 100, messages)):
                create_message(
                    actor=SYSTEM,
                    channel="email",
                    to=[f"r{number}@example.com"],
                    sender="news@acme.example",
                    subject="Your order",
                    text=TEXT,
                )


def _set_up() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings.test"
    import django

    django.setup()


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
