"""Executes an API request repeatedly, each time in a forked process that kills itself at another point.

Run as `python -m tests.core.api.crashing`. Reads one JSON object a line: `{"point", "path", "secret", "key", "body"}`; the
process dies by SIGKILL when it reaches `point`, counting from 0 the moments after every statement (also one that only waits
to be sent), and before and after every commit. Writes one line back: `killed`, or `answered <status>` when there is no such point any more.
"""

import json
import os
import signal
import sys
from typing import Any

import django

django.setup()

from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402

from core.postgres.base import DatabaseWrapper  # noqa: E402


class Countdown:
    """Kills this process at the given moment."""

    def __init__(self, point: int) -> None:
        self.left = point

    def pass_point(self) -> None:
        """One of the moments at which a process may die."""
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self.left -= 1


def _install(countdown: Countdown) -> None:
    commit, send_later = DatabaseWrapper._commit, DatabaseWrapper.send_later

    def counted_commit(self: DatabaseWrapper) -> Any:
        countdown.pass_point()
        result = commit(self)
        countdown.pass_point()
        return result

    def counted_later(self: DatabaseWrapper, *arguments: Any) -> None:
        send_later(self, *arguments)
        countdown.pass_point()

    def counted_statement(execute: Any, *arguments: Any) -> Any:
        result = execute(*arguments)
        countdown.pass_point()
        return result

    DatabaseWrapper._commit, DatabaseWrapper.send_later = counted_commit, counted_later
    connection.execute_wrappers.append(counted_statement)


def _request(order: dict[str, Any]) -> int:
    _install(Countdown(order["point"]))
    response = Client().generic(
        "POST",
        order["path"],
        json.dumps(order["body"]).encode(),
        content_type="application/json",
        headers={"Authorization": f"Bearer {order['secret']}", "Idempotency-Key": order["key"]},
    )
    return response.status_code


def main() -> None:
    """Serve orders until the input ends."""
    Client().get("/healthz")  # loads the URLs and the middleware once, for every child
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            # Exit codes carry the status in hundreds: 2 for a success.
            os._exit(_request(order) // 100)
        _, outcome = os.waitpid(child, 0)
        if os.WIFSIGNALED(outcome):
            print(
                "killed" if os.WTERMSIG(outcome) == signal.SIGKILL else f"died of {os.WTERMSIG(outcome)}",
                flush=True,
            )
        else:
            print(f"answered {os.WEXITSTATUS(outcome)}xx", flush=True)


if __name__ == "__main__":
    main()
