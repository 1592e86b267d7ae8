"""Table growth: `python -m tests.benchmarks.growth` prints the rows and bytes added by a request, a message and an event.

Bytes include indexes and TOAST, with partitions counted under their parent, and the WAL. Each is repeated a thousand times, so
that partially filled pages do not matter.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg

from tests.engines import private_platform

ROOT = Path(__file__).resolve().parents[2]
TIMES = 1_000
_SIZES = """
SELECT coalesce(pg_partition_root(c.oid), c.oid)::regclass::text, sum(pg_total_relation_size(c.oid))
FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace GROUP BY 1
"""


def main() -> None:
    """Start a private platform and measure it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inside", default="", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.inside:
        measure(chosen.inside)
        return
    with private_platform(durable=True) as (_, addresses):
        environment = os.environ | addresses | {"DJANGO_SETTINGS_MODULE": "config.settings.test"}
        command = [sys.executable, "-m", "tests.benchmarks.growth"]
        subprocess.run(
            [*command, "--inside", addresses["DATABASE_OWNER_URL"]], cwd=ROOT, env=environment, check=True
        )


def measure(owner: str) -> None:
    """Print what each of the three adds to each table."""
    import django

    django.setup()
    from tests.factories import make_company, make_user

    company = make_company("Growth", make_user("growth"), tier="enterprise")
    with psycopg.connect(owner, autocommit=True) as connection:
        for name, work in (("request", _requests), ("message", _messages), ("event", _events)):
            _print(connection, name, lambda work=work: work(company))  # type: ignore[misc]


def _print(connection: psycopg.Connection, name: str, work: Callable[[], None]) -> None:
    connection.execute("ANALYZE")
    before, wal = _look(connection)
    work()
    after, wal_after = _look(connection)
    print(f"one {name}: {(wal_after - wal) / TIMES:,.0f} bytes of WAL, and in tables")
    total = 0.0
    for table, (size, rows) in sorted(after.items()):
        old_size, old_rows = before.get(table, (0, 0))
        if rows > old_rows:
            total += (size - old_size) / TIMES
            print(f"  {table}: {(rows - old_rows) / TIMES:.2f} rows, {(size - old_size) / TIMES:,.0f} bytes")
    print(f"  together: {total:,.0f} bytes")


def _look(connection: psycopg.Connection) -> tuple[dict[str, tuple[int, int]], int]:
    sizes = connection.execute(_SIZES).fetchall()
    found = {}
    for table, size in sizes:
        row = connection.execute(f'SELECT count(*) FROM "{table}"').fetchone()
        assert row is not None
        found[table] = int(size), int(row[0])
    row = connection.execute("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')").fetchone()
    assert row is not None
    return found, int(row[0])


def _requests(company: Any) -> None:
    from audit.ingest.store import store
    from tests.audit.rows import make_row

    for _ in range(TIMES // 100):
        store([make_row(company.id) for _ in range(100)])


def _messages(company: Any) -> None:
    from core.principal import Principal
    from core.tenancy import Tenant, tenant_context
    from messaging.services import create_message, fold_statistics, send_due_messages

    text = "Hello Ada,\n\nyour order has been shipped.\n\nAcme\n" * 8
    for number in range(TIMES):
        with tenant_context(Tenant(company.id, "test")):
            create_message(
                actor=Principal.system("benchmarks"),
                channel="email",
                to=[f"ada{number}@example.com"],
                subject="Your order",
                text=text,
            )
    send_due_messages(seconds=600)
    fold_statistics()


def _events(company: Any) -> None:
    from tests.benchmarks import webhook_load
    from webhooks.relay import relay_events

    webhook_load.make_endpoint(company, "https://example.com/hook")
    webhook_load.make_events(company, TIMES)
    while (done := relay_events()).waiting or done.events:
        pass


if __name__ == "__main__":
    main()
