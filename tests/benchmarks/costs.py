"""The cost of operations: `python -m tests.benchmarks.costs [--requests 2000]` prints CPU time, WAL and transaction IDs as a table.

Unlike throughput, CPU time hardly depends on other load on the machine, so docs/scaling.md is based on it. It is measured for the
web process (or a worker), PostgreSQL and Valkey. Requests are sent over HTTP to one web process with production's settings.
"""

import argparse
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psycopg

from tests.benchmarks.load import Client, packed
from tests.benchmarks.stage import POMELO, ROOT, Server, Stage
from tests.engines import TEMPLATE, private_platform

LOG_SETTLES_SECONDS = 3  # writes of the request log and the grants after the response count too
CONNECTIONS = 4
UNLIMITED = 100_000
SCOPES = ("customers:read", "customers:write", "messaging:send")
TEXT = "Hello Ada,\n\nyour order has been shipped.\n\nAcme\n" * 8
_WRITTEN = "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint, pg_snapshot_xmax(pg_current_snapshot())::text::bigint"


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of one operation: milliseconds of CPU, bytes of WAL, transaction IDs."""

    process_ms: float
    postgres_ms: float
    valkey_ms: float
    wal: float
    xids: float


def main() -> None:
    """Start a private platform and measure it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=2000)
    count = parser.parse_args().requests
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    with private_platform(durable=True) as (engines, _):
        scene = Stage(engines, engines.data_dir)
        environment = scene.environment(TEMPLATE, WEBHOOK_ALLOWED_NETWORKS="127.0.0.0/8")
        with (
            subprocess.Popen(
                [sys.executable, "-m", "tests.benchmarks.webhook_receiver"],
                cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True,
            ) as receiver,
            scene.server(environment, POMELO) as server,
        ):  # fmt: skip
            assert receiver.stdout is not None
            try:
                for name, cost in measure(
                    scene, server, environment, receiver.stdout.readline().strip(), count
                ):
                    print(
                        f"{name}: {cost.process_ms:.2f} ms, PostgreSQL {cost.postgres_ms:.2f} ms, Valkey {cost.valkey_ms:.3f} ms, "
                        f"{cost.wal:,.0f} bytes of WAL, {cost.xids:.2f} transaction IDs",
                        flush=True,
                    )
            finally:
                receiver.kill()


def measure(scene: Stage, server: Server, environment: dict[str, str], port: str, count: int) -> Any:
    """Yield each operation's name and cost."""
    worker = _Worker(environment)
    secret = worker.do("seed", 0)

    def requests(name: str, pack: Callable[[int], bytes], status: int) -> tuple[str, Cost]:
        client = Client(server.port, pack, status=status, connections=CONNECTIONS)

        def load(number: int) -> None:
            client.run(requests=number)
            time.sleep(LOG_SETTLES_SECONDS)

        load(200)  # plans, caches, connections
        for task in ("log", "relay", "seal"):  # process leftovers
            worker.do(task, 0)
        cost = _cost(scene, server.cpu, count, lambda: load(count))
        client.close()
        return name, cost

    def work(name: str, task: str) -> tuple[str, Cost]:
        return name, _cost(scene, worker.cpu, count, lambda: worker.do(task, count))

    key = {"Authorization": f"Bearer {secret}"}
    yield requests("GET /v1/whoami, web", lambda _: packed("GET", "/v1/whoami", headers=key), 200)
    yield work("a request written to the log, worker", "log")
    yield requests(
        "GET /v1/customers?limit=20, web", lambda _: packed("GET", "/v1/customers?limit=20", headers=key), 200
    )
    creates = _numbered(
        key,
        "/v1/customers",
        lambda n: {"name": f"Customer {n}", "email": f"c{n}@example.com", "metadata": {"plan": "gold"}},
    )
    yield requests("POST /v1/customers, web", creates, 201)
    messages = _numbered(
        key,
        "/v1/messages",
        lambda n: {"channel": "email", "to": [f"ada{n}@example.com"], "subject": "Your order", "text": TEXT},
    )
    yield requests("POST /v1/messages, web", messages, 201)
    worker.do("relay", 0)
    yield work("a message sent (test mode, in groups), worker", "send")
    worker.do("relay", 0)
    yield work("a message folded into the statistics, worker", "fold")
    yield work("a message's audit entries sealed, worker", "seal")
    worker.do("subscribe", int(port))
    worker.do("events", 200)
    worker.do("relay", 0)
    worker.do("deliver", 0)
    worker.do("events", count)
    yield work("an event relayed to one endpoint, worker", "relay")
    yield work("a delivery (claimed, signed, sent, recorded), worker", "deliver")


def _numbered(key: dict[str, str], path: str, body: Callable[[int], object]) -> Callable[[int], bytes]:
    begun = time.time_ns()
    return lambda number: packed(
        "POST", path, headers={**key, "Idempotency-Key": f"{begun}-{number}"}, body=body(number)
    )


def _cost(scene: Stage, cpu: Callable[[], float], count: int, work: Callable[[], object]) -> Cost:
    with psycopg.connect(scene.superuser_url(TEMPLATE), autocommit=True) as connection:

        def spent() -> tuple[float, ...]:
            written = connection.execute(_WRITTEN).fetchone() or (0, 0)
            return cpu() * 1000, scene.postgres_cpu() * 1000, scene.valkey_cpu() * 1000, *written

        connection.execute("ANALYZE")
        connection.execute("CHECKPOINT")  # afterwards, each page is written to the WAL in full once
        before = spent()
        work()
        return Cost(*((after - earlier) / count for earlier, after in zip(before, spent(), strict=True)))


class _Worker:
    """A process that runs worker tasks on request."""

    def __init__(self, environment: dict[str, str]) -> None:
        os.environ |= environment
        context = multiprocessing.get_context("spawn")
        self._pipe, child = context.Pipe()
        context.Process(target=_work, args=(child,), daemon=True).start()
        self._spent = 0.0

    def do(self, task: str, number: int) -> Any:
        """Run a task and return its result."""
        self._pipe.send((task, number))
        spent, result = self._pipe.recv()
        self._spent += spent
        return result

    def cpu(self) -> float:
        """CPU seconds used by the tasks."""
        return self._spent


def _work(pipe: Any) -> None:
    import django

    django.setup()
    tasks = _tasks()
    while True:
        task, number = pipe.recv()
        began = time.process_time()
        result = tasks[task](number)
        pipe.send((time.process_time() - began, result))


def _tasks() -> dict[str, Callable[[int], Any]]:
    import asyncio

    from accounts.models import Company
    from audit.ingest.writer import Writer
    from audit.seals.entries import seal_waiting
    from core.tenancy import system_context
    from messaging.services import fold_statistics, send_due_messages
    from tests.benchmarks import webhook_load
    from tests.factories import make_key
    from webhooks.delivery.pump import Pump
    from webhooks.models import Delivery

    company = webhook_load.make_company(1)

    def seed(_: int) -> str:
        unlimited = dict.fromkeys(("requests_per_minute", "messages_per_minute", "email_per_day"), UNLIMITED)
        with system_context(reason="benchmark"):
            Company.objects.filter(id=company.id).update(limit_overrides=unlimited)
        return make_key(company, mode="test", scopes=SCOPES, rate_limit=UNLIMITED).client_secret

    def deliver(_: int) -> None:
        async def run() -> None:
            pump = Pump()
            running = asyncio.create_task(pump.run())
            pump.wake()
            while await asyncio.to_thread(waiting):
                await asyncio.sleep(0.2)
            pump.stop()
            await running

        asyncio.run(run())

    def waiting() -> bool:
        with system_context(reason="benchmark"):
            return Delivery.objects.filter(due_at__isnull=False).exists()

    return {
        "seed": seed,
        "send": lambda _: send_due_messages(seconds=600),
        "fold": lambda _: fold_statistics(),
        "log": lambda _: Writer().drain(seconds=600),
        "seal": lambda _: seal_waiting(),
        "subscribe": lambda port: webhook_load.make_endpoint(company, f"http://127.0.0.1:{port}/hook").id,
        "events": lambda number: len(webhook_load.make_events(company, number)),
        "relay": lambda _: webhook_load.relay_all(),
        "deliver": deliver,
    }


if __name__ == "__main__":
    main()
