"""Runs work in several threads of this process: once, each with its own database connection, or until they are stopped."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.db import connection

from core.errors import DomainError


def all_at_once(count: int, work: Callable[[int], Any]) -> list[Any]:
    """Run `work(0)` … `work(count - 1)` in threads that start simultaneously. Return the results and DomainErrors."""
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


class Repeated:
    """Work that threads repeat until they are told to stop, for which each looks at `_stopping`."""

    def __init__(self, *work: Callable[[], None]) -> None:
        self._stopping = threading.Event()
        self._errors: list[BaseException] = []
        self._threads = [
            threading.Thread(target=self._keep_error_of, args=(each,), daemon=True) for each in work
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Have the threads finish what they have started, and wait for them. Raises the error that ended one of them."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(120)
        if self._errors:
            raise self._errors[0]

    def _keep_error_of(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:  # what ended it is the result of the whole, not a line among others
            self._errors.append(error)


def is_blocking_another() -> bool:
    """Return whether another connection waits for a lock held by this thread's connection."""
    with connection.cursor() as cursor:
        cursor.execute(
            # Not pg_stat_activity, which is a snapshot for the rest of the transaction.
            "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid)))"
        )
        return bool(cursor.fetchone()[0])
