"""The request log: write, read and prune speed (bench_guard measures its cost per request).

    python -m tests.benchmarks.bench_audit [--only=ingestion,pages,prune] [--rows=N] [--seconds=S] [--prune-rows=N]

Starts a PostgreSQL (with fsync) and a Valkey of its own with production's settings, and prints one table.
"""

import argparse
import os
import random
import statistics
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tests.benchmarks.stage import Stage, stage

SMALL = 100_000
LOADS_AT_ONCE = 4
DATABASE = "audit"


@dataclass(frozen=True)
class Figure:
    """A row of the table: a measurement, its bound, and whether it is a minimum or a maximum."""

    name: str
    value: float
    unit: str
    bound: float
    at_least: bool = False
    note: str = ""

    @property
    def is_met(self) -> bool:
        """Whether the value meets its bound."""
        return self.value >= self.bound if self.at_least else self.value <= self.bound


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000, help="rows of the large log")
    parser.add_argument("--seconds", type=float, default=60, help="how long rows are written")
    parser.add_argument("--prune-rows", type=int, default=1_000_000, help="rows of the day that is dropped")
    parser.add_argument("--repeats", type=int, default=20, help="times each filter is asked")
    parser.add_argument("--only", default="ingestion,pages,prune", help="parts to run")
    options = parser.parse_args()
    parts: dict[str, Callable[[Stage, argparse.Namespace], list[Figure]]] = {
        "ingestion": measure_ingestion,
        "pages": measure_pages,
        "prune": measure_prune,
    }
    figures: list[Figure] = []
    with stage() as scene:
        scene.make_database(DATABASE)
        _set_up(scene)
        for name in options.only.split(","):
            figures += parts[name](scene, options)
    _print(figures)


def _print(figures: list[Figure]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title="Request log")
    for column in ("Figure", "Measured", "Goal", "", "Note"):
        table.add_column(column)
    for one in figures:
        table.add_row(
            one.name,
            f"{one.value:,.2f} {one.unit}" if one.value < 100 else f"{one.value:,.0f} {one.unit}",
            f"{'≥' if one.at_least else '≤'} {one.bound:,g}",
            "met" if one.is_met else "MISSED",
            one.note,
        )
    Console(width=150).print(table)


def _set_up(scene: Stage) -> None:
    """Set up Django in this process, on the stage's database."""
    os.environ |= scene.environment(DATABASE, DJANGO_SETTINGS_MODULE="config.settings.test")
    os.environ["ALLOWED_HOSTS"] = "testserver,127.0.0.1"
    import django

    django.setup()


# --- writing ----------------------------------------------------------------------------------------------------------


def measure_ingestion(scene: Stage, options: argparse.Namespace) -> list[Figure]:
    """Rows per second of one writer with indexes, seals and roll-ups.

    Generating the rows is not timed; reading them from Valkey is.
    """
    from audit.ingest import stream
    from audit.ingest.writer import TAKE, Writer

    companies = [uuid.uuid4() for _ in range(20)]
    keys = {company: [uuid.uuid4().hex for _ in range(5)] for company in companies}
    writer, spent, written = Writer("bench"), 0.0, 0
    stream.REQUESTS.ensure_group()
    slices = []
    while spent < options.seconds:
        for _ in range(TAKE * LOADS_AT_ONCE):
            if not stream.REQUESTS.add(_payload(companies, keys)):
                raise RuntimeError("The stream is full.")
        begin = time.perf_counter()
        rows = writer.drain(seconds=600)
        seconds = time.perf_counter() - begin
        slices.append(rows / seconds)
        spent, written = spent + seconds, written + rows
    return [
        Figure(
            f"ingestion by one writer for {spent:.0f} s",
            written / spent,
            "rows/s",
            20_000,
            at_least=True,
            note=f"{written:,} rows; first {slices[0]:,.0f}, last {slices[-1]:,.0f}, slowest {min(slices):,.0f} rows/s",
        )
    ]


def _payload(companies: list[uuid.UUID], keys: dict[uuid.UUID, list[str]]) -> bytes:
    from audit.ingest import batches
    from audit.signing import canonical
    from tests.audit.rows import make_row

    batch = []
    for _ in range(500):
        company = random.choice(companies)
        number = random.randrange(10)
        batch.append(
            canonical(
                make_row(
                    company,
                    key=random.choice(keys[company]),
                    route=f"/v1/thing{number}/{{id}}",
                    path=f"/v1/thing{number}/{random.getrandbits(60):x}",
                    status=random.choices([200, 201, 404, 500], [80, 15, 4, 1])[0],
                    duration_us=random.randrange(500, 90_000),
                    ip=f"203.0.113.{random.randrange(250)}",
                )
            )
        )
    return batches.pack(batch)


# --- reading ----------------------------------------------------------------------------------------------------------

FILTERS: dict[str, Callable[[list[str], str], str]] = {
    "none": lambda keys, cursor: "",
    "key": lambda keys, cursor: f"key={keys[3]}",
    "route": lambda keys, cursor: "route=/v1/thing7/{id}",
    "status": lambda keys, cursor: "status=403",
    "5xx": lambda keys, cursor: "status=5xx",
    "4xx": lambda keys, cursor: "status=4xx",
    "address": lambda keys, cursor: "ip=10.3.17.5",
    "network": lambda keys, cursor: "ip=10.3.17.0/24",
    "path": lambda keys, cursor: "q=/v1/thing3/a1b2",
    "broad path": lambda keys, cursor: "q=/v1/thing3",
    "time": lambda keys, cursor: "period=24h",
    "key and failure": lambda keys, cursor: f"key={keys[0]}&status=5xx",
    "key and route and time": lambda keys, cursor: f"key={keys[3]}&route=/v1/thing3/{{id}}&period=7d",
    "nothing found": lambda keys, cursor: "status=422",
    "nothing found for a key": lambda keys, cursor: f"key={keys[5]}&status=422",
    "in the middle": lambda keys, cursor: f"starting_after={cursor}",
    "in the middle, by key": lambda keys, cursor: f"key={keys[2]}&starting_after={cursor}",
}


def measure_pages(scene: Stage, options: argparse.Namespace) -> list[Figure]:
    """The filtered request page, through all of Django, for all filters: with SMALL rows and with `--rows`."""
    small = _page_times(SMALL, options.repeats)
    large = _page_times(options.rows, options.repeats)
    p95 = {name: statistics.quantiles(times, n=20)[-1] for name, times in large.items()}
    slowest = max(p95, key=p95.__getitem__)
    print("p95 of each filter, ms:", ", ".join(f"{name} {value:.0f}" for name, value in p95.items()))
    before, after = _p95(small), _p95(large)
    return [
        Figure(
            f"filter page, p95, {options.rows:,} rows",
            after,
            "ms",
            150,
            note=f"{len(FILTERS)} filters; slowest “{slowest}” {p95[slowest]:.0f} ms",
        ),
        Figure(f"the same against {SMALL:,} rows", after / before, "×", 1.3, note=f"{before:.0f} ms there"),
    ]


def _p95(times: dict[str, list[float]]) -> float:
    return statistics.quantiles([one for several in times.values() for one in several], n=20)[-1]


def _page_times(rows: int, repeats: int, *, days: int = 10) -> dict[str, list[float]]:
    from core.values import ids
    from core.values.ids import first_id
    from tests.benchmarks.audit_seed import KEYS, seed
    from tests.clients import sign_in
    from tests.factories import make_world

    world = make_world()
    keys = [ids.new_id() for _ in range(KEYS)]
    today = datetime.now(UTC)
    began = time.perf_counter()
    seed(world.company.id, keys, rows, first=today - timedelta(days=days), last=today)
    print(f"{rows:,} rows made in {time.perf_counter() - began:.0f} s", flush=True)
    browser = sign_in(world.owner, world.company)
    names = [ids.encode("key", key) for key in keys]
    cursor = ids.encode("req", first_id(today - timedelta(days=days / 2)))
    times: dict[str, list[float]] = {name: [] for name in FILTERS}
    for turn in range(repeats + 1):
        for name, make in FILTERS.items():
            begin = time.perf_counter()
            response = browser.get(f"/requests/?{make(names, cursor)}")
            if turn:  # the first one warms up
                times[name].append((time.perf_counter() - begin) * 1000)
            assert response.status_code == 200, name
    return times


# --- dropping ---------------------------------------------------------------------------------------------------------


def measure_prune(scene: Stage, options: argparse.Namespace) -> list[Figure]:
    """How long dropping a day takes, and how long a concurrent writer waits for a lock meanwhile."""
    import psycopg

    from audit.ingest.store import store
    from audit.retention import prune
    from core.values import ids
    from tests.audit.rows import make_row
    from tests.benchmarks.audit_seed import KEYS, seed
    from tests.factories import make_world

    world = make_world()
    day = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=95)
    keys = [ids.new_id() for _ in range(KEYS)]
    seed(world.company.id, keys, options.prune_rows, first=day, last=day + timedelta(hours=23))
    writes: list[tuple[float, float]] = []
    lock_waits: list[float] = [0.0]
    is_over = threading.Event()

    def write(company: uuid.UUID) -> None:
        while not is_over.is_set():
            begin = time.perf_counter()
            store([make_row(company) for _ in range(20)])
            writes.append((begin, time.perf_counter() - begin))

    def watch() -> None:
        """Poll for sessions that wait for a lock every few milliseconds."""
        since: dict[int, float] = {}
        with psycopg.connect(os.environ["SUPERUSER_URL"], autocommit=True) as connection:
            while not is_over.is_set():
                found = connection.execute(
                    "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND usename = 'app'"
                ).fetchall()
                now = time.perf_counter()
                since = {pid: since.get(pid, now) for (pid,) in found}
                lock_waits.extend(now - start for start in since.values())
                time.sleep(0.002)

    # Two companies, because writers of one company wait for each other at its seal chain, with or without pruning.
    threads = [
        *(threading.Thread(target=write, args=[one.id]) for one in (world.company, world.other_company)),
        threading.Thread(target=watch),
    ]
    for thread in threads:
        thread.start()
    time.sleep(2)
    begin = time.perf_counter()
    usual_wait = max(lock_waits)
    lock_waits[:] = [0.0]
    gone = prune()
    end = time.perf_counter()
    longest_wait = max(lock_waits)
    is_over.set()
    for thread in threads:
        thread.join()
    before = [took for at, took in writes if at < begin]
    during = [took for at, took in writes if begin <= at + took and at <= end]
    return [
        Figure(
            f"prune of a day of {options.prune_rows:,} rows", end - begin, "s", 1, note=f"{len(gone)} tables"
        ),
        Figure(
            "longest wait of a writer for a lock meanwhile",
            longest_wait * 1000,
            "ms",
            100,
            note=f"{usual_wait * 1000:.0f} ms without pruning; seen every 2 ms",
        ),
        Figure(
            "longest write of 20 rows meanwhile",
            max(during) * 1000,
            "ms",
            1000,
            note=f"{len(during)} writes; before: median {statistics.median(before) * 1000:.0f}, longest "
            f"{max(before) * 1000:.0f} ms",
        ),
    ]


if __name__ == "__main__":
    main()
