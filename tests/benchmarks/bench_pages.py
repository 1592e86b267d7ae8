"""`make bench ARGS=pages`: warm time to first byte of the dashboard's main pages, for a company with a month of data.

One web worker, one page at a time. Also reports the CPU time of the worker and of PostgreSQL, which a busy machine affects less,
the number of SQL statements, the compressed size of a page, and the number and total size of the requests of its first load.
"""

import argparse
import http.client
import statistics
import sys
import time
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.benchmarks.first_load import first_load
from tests.benchmarks.stage import POMELO, Server, Stage, stage

PAGES = {
    "overview": "/",
    "keys": "/keys/",
    "requests": "/requests/",
    "usage, 24 hours": "/requests/usage/",
    "usage, 30 days": "/requests/usage/?period=30d",
    "customers": "/customers/",
    "invoices": "/invoices/",
    "messages": "/messages/",
    "webhooks": "/webhooks/",
    "deliveries": "/webhooks/deliveries/",
    "audit": "/audit/",
}
MUST_MS = 50
# For the first load of a page, including all of its resources.
MUST_REQUESTS, MUST_BYTES = 12, 100_000
DATABASE = "pages"


def main() -> None:
    """Seed, measure and print the table. The exit status is 1 if a page exceeds its limits."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--requests", type=int, default=10_000, help="a day")
    parser.add_argument("--rows", type=int, default=10_000, help="of each list")
    parser.add_argument("--repeats", type=int, default=30)
    options = parser.parse_args()
    with stage() as scene:
        scene.make_database(DATABASE)
        order = {"days": options.days, "requests": options.requests, "rows": options.rows}
        session = scene.python(DATABASE, "tests.benchmarks.page_seeding", order)["session"]
        # As in `make run`, because the production settings require collected static files.
        settings = {"DJANGO_SETTINGS_MODULE": "config.settings.local"}
        asked = {"session": session, "pages": PAGES}
        statements = scene.python(DATABASE, "tests.benchmarks.page_statements", asked, **settings)
        with scene.server(scene.environment(DATABASE, **settings), POMELO) as server:
            slow = _measure(scene, server, session, options.repeats, statements)
    sys.exit(bool(slow))


def _measure(
    scene: Stage, server: Server, session: str, repeats: int, statements: dict[str, int]
) -> list[str]:
    table = Table(
        "page", "first byte, median", "p95", "worker's CPU", "PostgreSQL's", "SQL", "HTML", "first load"
    )
    slow = []
    for name, path in PAGES.items():
        requests, weight = first_load(f"http://127.0.0.1:{server.port}{path}", session)  # warms up too
        worker, postgres = server.cpu(), scene.postgres_cpu()
        found = [_first_byte(server, path, session) for _ in range(repeats)]
        worker, postgres = server.cpu() - worker, scene.postgres_cpu() - postgres
        times = [milliseconds for milliseconds, _ in found]
        median = statistics.median(times)
        if median > MUST_MS or requests > MUST_REQUESTS or weight > MUST_BYTES:
            slow.append(name)
        table.add_row(
            name,
            f"{median:.0f} ms",
            f"{statistics.quantiles(times, n=20)[-1]:.0f} ms",
            f"{worker / repeats * 1000:.1f} ms",
            f"{postgres / repeats * 1000:.1f} ms",
            str(statements[name]),
            f"{found[-1][1] / 1000:.1f} kB",
            f"{requests} requests, {weight / 1000:.0f} kB",
        )
    Console(width=120).print(table)
    print(
        f"Above {MUST_MS} ms, {MUST_REQUESTS} requests or {MUST_BYTES // 1000} kB: {', '.join(slow) or 'none'}."
    )
    return slow


def _first_byte(server: Server, path: str, session: str) -> tuple[float, int]:
    """Return the time to first byte in milliseconds, and the size of the body in bytes."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    headers: dict[str, Any] = {"Cookie": f"sessionid={session}", "Accept-Encoding": "gzip, br"}
    connection.connect()
    begin = time.perf_counter()
    connection.request("GET", path, headers=headers)
    response = connection.getresponse()
    took = (time.perf_counter() - begin) * 1000
    body = response.read()
    connection.close()
    if response.status != 200:
        raise RuntimeError(f"{path} answered {response.status} {response.headers.get('Location', '')}")
    return took, len(body)


if __name__ == "__main__":
    main()
