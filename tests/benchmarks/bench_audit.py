"""How fast the request log is written, read and dropped: `python -m tests.benchmarks.bench_audit [--rows N] [--seconds S]`.

Starts engines of its own, without fsync as all tests do. Prints one table; every figure comes from the same run.
"""

import argparse
import os
import random
import statistics
import threading
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

INGEST_GOAL = 20_000
PAGE_GOAL_MS = 150.0
PAGE_RATIO_GOAL = 1.3
PRUNE_GOAL_SECONDS = 1.0
LOCK_GOAL_MS = 100.0
HOT_PATH_GOAL = 5.0
SMALL = 100_000
BATCHES_AT_ONCE = 40

SEED = """
INSERT INTO audit_requestlog (id, company_id, mode, key, key_name, method, route, path, status, duration_us,
  request_bytes, response_bytes, ip, user_agent, refused_by, trace)
SELECT (lpad(to_hex(%(start)s + (n::bigint * %(span)s / %(rows)s)), 12, '0') || '7'
        || substr(md5(n::text || %(salt)s), 1, 19))::uuid,
  %(company)s, 'live', (%(keys)s::uuid[])[1 + n %% 20], 'key ' || n %% 20,
  (ARRAY['GET','GET','GET','POST'])[1 + n %% 4], '/v1/thing' || n %% 15 || '/{id}',
  '/v1/thing' || n %% 15 || '/' || md5(n::text),
  CASE WHEN n %% 1000 = 0 THEN 500 WHEN n %% 20 = 0 THEN 403 WHEN n %% 4 = 3 THEN 201 ELSE 200 END,
  1000 + n %% 50000, 0, 500, ('10.' || n %% 7 || '.' || n %% 250 || '.' || n %% 199)::inet, 'bench/1',
  CASE WHEN n %% 20 = 0 AND n %% 1000 <> 0 THEN 'ip_not_allowed' ELSE '' END, NULL
FROM generate_series(1, %(rows)s) AS n
"""


def main(arguments: list[str] | None = None) -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000, help="rows of the large log")
    parser.add_argument("--seconds", type=float, default=60, help="how long rows are written")
    parser.add_argument("--prune-rows", type=int, default=1_000_000, help="rows of the day that is dropped")
    parser.add_argument("--repeats", type=int, default=10, help="times each filter is asked")
    options = parser.parse_args(arguments)
    _set_up()
    from rich.console import Console
    from rich.table import Table

    table = Table(title="Audit")
    for column in ("Figure", "Measured", "Goal", ""):
        table.add_column(column)

    def add(name: str, measured: str, goal: str, is_met: bool) -> None:
        table.add_row(name, measured, goal, "met" if is_met else "MISSED")

    cost, request = measure_hot_path()
    add(
        "hot path: record() of a whoami request",
        f"{cost:.1f} µs of {request:.0f} µs, {cost / request:.1%}",
        f"≤ {HOT_PATH_GOAL:.0f} %",
        cost / request * 100 <= HOT_PATH_GOAL,
    )
    rate, rows = measure_ingestion(options.seconds)
    add(
        f"ingestion, one writer, {rows:,} rows",
        f"{rate:,.0f} rows/s",
        f"≥ {INGEST_GOAL:,}",
        rate >= INGEST_GOAL,
    )
    small, large = measure_pages(options.rows, options.repeats)
    add(
        f"filter page, p95, {options.rows:,} rows",
        f"{large:.0f} ms",
        f"≤ {PAGE_GOAL_MS:.0f} ms",
        large <= PAGE_GOAL_MS,
    )
    add(
        f"the same against {SMALL:,} rows ({small:.0f} ms)",
        f"{large / small:.2f} ×",
        f"≤ {PAGE_RATIO_GOAL} ×",
        large / small <= PAGE_RATIO_GOAL,
    )
    seconds, lock_ms, writes = measure_prune(options.prune_rows)
    add(
        f"prune of a day of {options.prune_rows:,} rows",
        f"{seconds:.2f} s",
        f"≤ {PRUNE_GOAL_SECONDS:.0f} s",
        seconds <= PRUNE_GOAL_SECONDS,
    )
    add(
        f"longest wait of a writer for a lock ({writes} writes meanwhile)",
        f"{lock_ms:.0f} ms",
        f"≤ {LOCK_GOAL_MS:.0f} ms",
        lock_ms <= LOCK_GOAL_MS,
    )
    Console(width=110).print(table)


def _set_up() -> None:
    from tests.engines import start_engines

    start_engines()
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings.test"
    import django

    django.setup()


def measure_hot_path() -> tuple[float, float]:
    """Return what `record` costs a request, and what a whole in-process whoami costs, in µs."""
    from audit.ingest import buffer
    from core import ids
    from tests.clients import ApiClient, random_address
    from tests.factories import make_key, make_world

    world = make_world(tier="enterprise")
    secret = make_key(world.company, scopes=["customers:read"], rate_limit=1000).client_secret
    client = ApiClient(secret, ip=random_address())
    samples = []
    for _ in range(400):
        begin = time.perf_counter()
        client.get("/v1/whoami")
        samples.append(time.perf_counter() - begin)
    request = SimpleNamespace(
        request_id=ids.encode("req", ids.new_id()),
        principal=SimpleNamespace(company_id=world.company.id, mode="live", id="key_x", name="k"),
        resolver_match=SimpleNamespace(route="v1/whoami"),
        method="GET",
        path_info="/v1/whoami",
        client_ip="10.0.0.1",
        META={"HTTP_USER_AGENT": "bench"},
        trace=[],
    )
    response = SimpleNamespace(status_code=200, headers={"Content-Length": "300"})
    entry = {"request": request, "response": response, "refused_by": None, "duration_ms": 1.0}
    own = buffer.Buffer()
    own._start = lambda: None  # type: ignore[method-assign]
    before, buffer.BUFFER = buffer.BUFFER, own
    count = 20_000
    # What the flusher thread does later takes the same interpreter's time, so it belongs to the cost.
    begin = time.perf_counter()
    for _ in range(count):
        buffer.record(entry)
    own._encode()
    cost = (time.perf_counter() - begin) / count
    buffer.BUFFER = before
    return cost * 1e6, statistics.median(samples) * 1e6


def measure_ingestion(seconds: float) -> tuple[float, int]:
    """Return rows per second of one writer with indexes, seals and roll-ups, and how many rows were written.

    Making the rows is not its work and not timed; taking them from Valkey is.
    """
    from audit.ingest import stream
    from audit.ingest.writer import Writer

    companies = [uuid.uuid4() for _ in range(20)]
    keys = {company: [uuid.uuid4().hex for _ in range(5)] for company in companies}
    writer, spent, written = Writer("bench"), 0.0, 0
    stream.ensure_group()
    while spent < seconds:
        for _ in range(BATCHES_AT_ONCE):
            stream.add(_payload(companies, keys))
        begin = time.perf_counter()
        written += writer.drain(seconds=600)
        spent += time.perf_counter() - begin
    return written / spent, written


def _payload(companies: list[uuid.UUID], keys: dict[uuid.UUID, list[str]]) -> bytes:
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
    return b"[" + b",".join(batch) + b"]"


FILTERS: dict[str, Callable[[list[str]], str]] = {
    "none": lambda keys: "",
    "key": lambda keys: f"key={keys[3]}",
    "route": lambda keys: "route=/v1/thing7/{id}",
    "status": lambda keys: "status=403",
    "5xx": lambda keys: "status=5xx",
    "4xx": lambda keys: "status=4xx",
    "address": lambda keys: "ip=10.3.17.5",
    "path": lambda keys: "q=/v1/thing3/a1b2",
    "time": lambda keys: "period=24h",
    "key and failure": lambda keys: f"key={keys[0]}&status=5xx",
    "key and route and time": lambda keys: f"key={keys[3]}&route=/v1/thing3/{{id}}&period=7d",
    "nothing found": lambda keys: "status=422",
}


def measure_pages(rows: int, repeats: int) -> tuple[float, float]:
    """Return the p95 of the filtered request page over all filters, in ms: with SMALL rows, and with `rows`."""
    return _page_p95(SMALL, repeats, days=1), _page_p95(rows, repeats, days=10)


def _page_p95(rows: int, repeats: int, *, days: int) -> float:
    from core import ids
    from tests.clients import sign_in
    from tests.factories import make_world

    world = make_world()
    keys = [ids.new_id() for _ in range(20)]
    today = datetime.now(UTC)
    seed(world.company.id, keys, rows, first=today - timedelta(days=days), last=today)
    browser = sign_in(world.owner, world.company)
    names = [ids.encode("key", key) for key in keys]
    samples = []
    for query in (make(names) for make in FILTERS.values()):
        address = f"/requests/?{query}"
        browser.get(address)
        for _ in range(repeats):
            begin = time.perf_counter()
            response = browser.get(address)
            samples.append((time.perf_counter() - begin) * 1000)
            assert response.status_code == 200
    samples.sort()
    return samples[int(len(samples) * 0.95)]


def seed(company: uuid.UUID, keys: list[uuid.UUID], rows: int, *, first: datetime, last: datetime) -> None:
    """Fill the log of `company` evenly from `first` to `last`."""
    import psycopg

    from audit.partitions import tables
    from tests.engines import superuser_url

    days = (last.date() - first.date()).days
    tables.ensure_partitions([first.date() + timedelta(days=offset) for offset in range(days + 1)])
    begin, end = (int(moment.timestamp() * 1000) for moment in (first, last))
    with psycopg.connect(superuser_url(), autocommit=True) as superuser:
        superuser.execute(
            SEED,
            {
                "start": begin,
                "span": end - begin,
                "rows": rows,
                "salt": str(company),
                "company": company,
                "keys": keys,
            },
        )
        superuser.execute("ANALYZE audit_requestlog")


def measure_prune(rows: int) -> tuple[float, float, int]:
    """Return how long it takes to drop a day, the longest wait of a concurrent writer, and how many writes there were."""
    from audit.ingest.store import store
    from audit.retention import prune
    from core import ids
    from tests.audit.rows import make_row
    from tests.factories import make_world

    world = make_world()
    day = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=95)
    seed(world.company.id, [ids.new_id() for _ in range(20)], rows, first=day, last=day + timedelta(hours=23))
    waits: list[float] = []
    is_over = threading.Event()

    def write() -> None:
        while not is_over.is_set():
            begin = time.perf_counter()
            store([make_row(world.company.id)])
            waits.append(time.perf_counter() - begin)

    thread = threading.Thread(target=write)
    thread.start()
    time.sleep(1)
    usual, begin = statistics.median(waits), time.perf_counter()
    prune()
    seconds = time.perf_counter() - begin
    is_over.set()
    thread.join()
    return seconds, max(0.0, max(waits) - usual) * 1000, len(waits)


if __name__ == "__main__":
    main()
