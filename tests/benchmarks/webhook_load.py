"""Runs in the benchmarked platform's environment and prints measurements as JSON (bench_webhooks.py)."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import aiohttp
import django
import psycopg

django.setup()

import urllib3  # noqa: E402
from django.db import connection, transaction  # noqa: E402

from accounts.models import Company, User  # noqa: E402
from accounts.services import create_company  # noqa: E402
from billing.services import create_customer  # noqa: E402
from core.models import OutboxEvent  # noqa: E402
from core.principal import Principal  # noqa: E402
from core.tenancy import system_context, tenant_context  # noqa: E402
from core.values import ids  # noqa: E402
from webhooks.delivery.pump import Pump  # noqa: E402
from webhooks.models import Delivery, Endpoint  # noqa: E402
from webhooks.relay import relay_events  # noqa: E402
from webhooks.services.endpoints import create_endpoint  # noqa: E402

ACTOR = Principal.system("benchmarks")
COMPANIES = 4
ENDPOINTS = 2
EVENTS = 300  # per company and round
ROUNDS = 3
TASKS = 200
SAMPLES = 40
BACKLOG = 100_000
CONCURRENCY = 64


def make_company(number: int) -> Company:
    """Create a company with the largest tier."""
    with transaction.atomic():
        owner = User.objects.create_user(f"bench-{secrets.token_hex(4)}@example.com", None)
        return create_company(name=f"Bench {number}", owner=owner, tier="enterprise", actor=ACTOR)


def make_endpoint(company: Company, url: str) -> Endpoint:
    """Create an endpoint of `company` that is subscribed to all customer events."""
    with tenant_context(company.live_tenant):
        return create_endpoint(actor=ACTOR, url=url, events=["customer.*"])[0]


def make_events(company: Company, count: int) -> list[OutboxEvent]:
    """Commit `count` events like those of created customers."""
    with tenant_context(company.live_tenant):
        return OutboxEvent.objects.bulk_create(
            OutboxEvent(
                type="customer.created",
                object_id=f"cus_{number}",
                public=True,
                data={
                    "object": {
                        "id": f"cus_{number}",
                        "object": "customer",
                        "name": "Ada Lovelace",
                        "metadata": {},
                    }
                },
            )
            for number in range(count)
        )


def relay_all() -> None:
    """Relay all events."""
    while relay_events().events:
        pass


def take_seen(port: int) -> dict[str, float]:
    """Return what the receiver has received since the last call."""
    return json.loads(urllib3.request("GET", f"http://127.0.0.1:{port}/seen").data)


@dataclass(frozen=True)
class Rate:
    """Calls per second of wall time, and of the calling process's CPU time."""

    wall: float
    core: float


class Stopwatch:
    """Measures wall and CPU time since its creation."""

    def __init__(self) -> None:
        self._wall, self._core = time.perf_counter(), time.process_time()

    def rate(self, count: int) -> Rate:
        """Return the rate for `count` calls since the start."""
        return Rate(count / (time.perf_counter() - self._wall), count / (time.process_time() - self._core))


def engine_rate(companies: list[Company], running: Pump) -> tuple[Rate, Rate]:
    """Return the deliveries per second of a running engine, and the events per second of its relay."""
    for company in companies:
        make_events(company, EVENTS)
    watch = Stopwatch()
    relay_all()
    relay = watch.rate(COMPANIES * EVENTS)
    watch = Stopwatch()
    running.wake()
    mine = [company.id for company in companies]
    waiting = True
    while waiting:
        time.sleep(0.1)  # polling costs CPU time that is not the engine's
        with system_context(reason="benchmark"):
            waiting = Delivery.objects.filter(company_id__in=mine, due_at__isnull=False).exists()
    return watch.rate(COMPANIES * ENDPOINTS * EVENTS), relay


def bare_rate(url: str, body: bytes) -> Rate:
    """Return the POSTs per second of the same HTTP library's pooled client alone."""
    count = COMPANIES * ENDPOINTS * EVENTS

    async def run() -> Rate:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=CONCURRENCY)) as session:

            async def post(times: int) -> None:
                for _ in range(times):
                    async with session.post(
                        url, data=body, headers={"Content-Type": "application/json"}
                    ) as answer:
                        await answer.read()

            await asyncio.gather(*(post(1) for _ in range(CONCURRENCY)))  # opens the connections
            watch = Stopwatch()
            await asyncio.gather(*(post(count // CONCURRENCY) for _ in range(CONCURRENCY)))
            return watch.rate(count // CONCURRENCY * CONCURRENCY)

    return asyncio.run(run())


def sequential_rate(url: str, body: bytes) -> Rate:
    """Return the POSTs per second of a urllib3 pool in a plain loop."""
    pool = urllib3.PoolManager(retries=False)
    count = EVENTS * 2
    pool.request("POST", url, body=body)
    watch = Stopwatch()
    for _ in range(count):
        pool.request("POST", url, body=body, headers={"Content-Type": "application/json"})
    return watch.rate(count)


def start_worker(app: str) -> subprocess.Popen[bytes]:
    """Start a Celery worker with one process."""
    options = ["--without-mingle", "--without-gossip", "--without-heartbeat", "--loglevel", "ERROR"]
    return subprocess.Popen(["celery", "--quiet", "-A", app, "worker", "-c", "1", *options])


def task_rate(company: Company, port: int) -> float:
    """Return the deliveries per second of one worker process with one task per delivery."""
    from tests.benchmarks.task_per_delivery import deliver

    make_events(company, TASKS // ENDPOINTS)
    relay_all()
    with tenant_context(company.live_tenant):
        waiting = list(Delivery.objects.filter(due_at__isnull=False).values_list("id", flat=True))
    take_seen(port)
    for each in waiting:
        deliver.delay(str(each))
    worker = start_worker("tests.benchmarks.task_per_delivery")
    try:
        with tenant_context(company.live_tenant):
            left = Delivery.objects.filter(due_at__isnull=False)
        deadline = time.monotonic() + 180
        while time.monotonic() < deadline:
            with tenant_context(company.live_tenant):
                if not left.exists():
                    break
            time.sleep(0.2)
    finally:
        worker.terminate()
        worker.wait()
    times = sorted(take_seen(port).values())
    # Each event is sent to two endpoints with one ID, so the measure is how long the receiver was busy.
    return len(waiting) / (times[-1] - times[0])


def latencies(company: Company, port: int) -> list[float]:
    """Return the latencies of single events from commit to receipt in milliseconds, sorted."""
    take_seen(port)
    committed: dict[str, float] = {}
    for number in range(SAMPLES):
        with tenant_context(company.live_tenant):
            customer = create_customer(actor=ACTOR, name=f"Sample {number}")
        at = time.time()
        with tenant_context(company.live_tenant):
            event = OutboxEvent.objects.get(object_id=customer.public_id)
        committed[ids.encode("evt", event.id)] = at
        time.sleep(0.15)
    deadline = time.monotonic() + 60
    seen: dict[str, float] = {}
    while len(seen) < SAMPLES and time.monotonic() < deadline:
        seen |= take_seen(port)
        time.sleep(0.2)
    return sorted((seen[name] - at) * 1000 for name, at in committed.items() if name in seen)


def make_backlog(company: Company) -> None:
    """Create an endpoint of `company` that never responds, with a hundred thousand deliveries due."""
    hole = socket.socket()
    hole.bind(("127.0.0.1", 0))
    hole.listen(1024)
    globals()["_hole"] = hole  # kept open: the kernel accepts connections, but nothing responds
    endpoint = make_endpoint(company, f"http://127.0.0.1:{hole.getsockname()[1]}/")
    [event] = make_events(company, 1)
    relay_all()
    # In growing batches, because foreign key check plans made for small tables would scan all of a company's rows.
    for rows in (BACKLOG // 100, BACKLOG // 10, BACKLOG - BACKLOG // 100 - BACKLOG // 10):
        _add_to_backlog(company, endpoint, event, rows)
        analyze()


def _add_to_backlog(company: Company, endpoint: Endpoint, event: OutboxEvent, rows: int) -> None:
    with system_context(reason="benchmark"), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO core_outboxevent (id, company_id, mode, created, type, object_id, data, public, position,"
            " relayed_at) SELECT uuidv7(), company_id, mode, created, type, object_id, data, public,"
            " nextval('core_event_position'), now()"
            " FROM core_outboxevent, generate_series(1, %s) WHERE id = %s",
            [rows, event.id],
        )
        cursor.execute(
            "INSERT INTO webhooks_eventbody (id, company_id, mode, created, event_id, body)"
            " SELECT uuidv7(), e.company_id, e.mode, e.created, e.id, b.body FROM core_outboxevent e,"
            " webhooks_eventbody b WHERE b.event_id = %s AND e.company_id = %s ON CONFLICT DO NOTHING",
            [event.id, company.id],
        )
        cursor.execute(
            "INSERT INTO webhooks_delivery (id, company_id, mode, created, endpoint_id, event_id, event_type, status,"
            " due_at, attempts, failures, manual) SELECT uuidv7(), company_id, mode, created, %s, id, type, 'pending',"
            " now(), 0, 0, false FROM core_outboxevent WHERE company_id = %s ON CONFLICT DO NOTHING",
            [endpoint.id, company.id],
        )


def log_line(text: str) -> None:
    """Print progress."""
    sys.stderr.write(f"{text}\n")


def analyze() -> None:
    """Update PostgreSQL's statistics, as autovacuum does within a minute of a platform's first traffic.

    Until then, plans made for empty tables scan all of a company's rows.
    """
    with psycopg.connect(os.environ["DATABASE_OWNER_URL"], autocommit=True) as owner:
        owner.execute("ANALYZE")


def rates(port: int) -> dict[str, float]:
    """Measure deliveries per second against bare loops and against one task per delivery."""
    url = f"http://127.0.0.1:{port}/hook"
    companies = [make_company(number) for number in range(COMPANIES)]
    for company in companies:
        for _ in range(ENDPOINTS):
            make_endpoint(company, url)
    body = b'{"type":"customer.created","timestamp":"2026-01-01T00:00:00.000000Z","data":{"id":"cus_1","object":"customer","name":"Ada Lovelace","metadata":{}}}'  # fmt: skip
    running = Pump()
    thread = threading.Thread(target=lambda: asyncio.run(running.run()))
    thread.start()
    engine_rate(companies, running)  # warm-up
    analyze()
    rounds = [
        (*engine_rate(companies, running), bare_rate(url, body), sequential_rate(url, body))
        for _ in range(ROUNDS)
    ]
    running.stop()
    thread.join()
    for each in rounds:
        log_line("engine, relay, bare, sequential: " + ", ".join(f"{r.core:.0f}/s" for r in each))
    # The median round by the least noisy measure: the share of the bare loop.
    engine, relay, bare, sequential = sorted(rounds, key=lambda each: each[0].core / each[3].core)[
        ROUNDS // 2
    ]
    tasks = task_rate(companies[0], port)
    return {
        "engine": engine.core,
        "engine_wall": engine.wall,
        "relay": relay.core,
        "bare": bare.core,
        "sequential": sequential.core,
        "sequential_wall": sequential.wall,
        "tasks": tasks,
    }


def latency(port: int) -> dict[str, float]:
    """Measure the latency from commit to receipt, idle and with a dead endpoint's backlog."""
    quiet, busy = make_company(90), make_company(91)
    make_endpoint(quiet, f"http://127.0.0.1:{port}/hook")
    worker = start_worker("config.celery")
    try:
        latencies(quiet, port)  # warm-up of the worker
        analyze()
        idle = latencies(quiet, port)
        make_backlog(busy)
        time.sleep(3)
        loaded = latencies(quiet, port)
    finally:
        worker.terminate()
        worker.wait()
    log_line(f"idle: {idle}\nloaded: {loaded}")
    return {
        "idle_p50": idle[len(idle) // 2],
        "idle_p95": idle[int(len(idle) * 0.95)],
        "loaded_p50": loaded[len(loaded) // 2],
        "loaded_p95": loaded[int(len(loaded) * 0.95)],
        "received": len(idle) + len(loaded),
        "expected": 2 * SAMPLES,
    }


PARTS: dict[str, Callable[[int], dict[str, float]]] = {"rates": rates, "latency": latency}


def main(port: int, parts: list[str]) -> dict[str, float]:
    """Measure the parts against the receiver at `port`."""
    found: dict[str, float] = {}
    for part in parts:
        found |= PARTS[part](port)
    return found


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(int(sys.argv[1]), sys.argv[2:])) + "\n")
