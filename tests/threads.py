"""Work in several threads of this process, each with a database connection of its own."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.db import connection

from core.errors import DomainError


def all_at_once(count: int, work: Callable[[int], Any]) -> list[Any]:
    """Run `work(0)` … `work(count - 1)` in as many threads, released together; returns results and DomainErrors."""
    gate = threading.Barrier(count)

    def run(number: int) -> Any:
        gate.wait(timeout=60)
        try:
            return work(number)
        except DomainError as refusal:
            return refusal
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=count) as pool:
        return list(pool.map(run, range(count)))


def somebody_waits_for_us() -> bool:
    """Whether another connection waits for a lock that this thread's connection holds."""
    with connection.cursor() as cursor:
        cursor.execute(
            # Not pg_stat_activity, of which a transaction sees the state of its first look for ever.
            "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid)))"
        )
        return bool(cursor.fetchone()[0])
