"""Executes an API request repeatedly, each time in a forked process that kills itself at another point.

Itself a forked process (tests.forked). Receives one order after another: `{"point", "path", "secret", "key", "body"}`; the
process dies by SIGKILL when it reaches `point`, counting from 0 the moments after every statement (also one that only waits
to be sent), and before and after every commit. Sends back `killed`, or `answered <status>` when there is no such point any more.
"""

import json
import os
import signal
from typing import Any

from django.db import connection
from django.test import Client

from core.postgres.base import DatabaseWrapper
from tests.forked import Connection


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


def serve(orders: Connection) -> None:
    """Serve orders until killed."""
    Client().get("/healthz")  # loads the URLs and the middleware once, for every child
    while True:
        order = orders.recv()
        child = os.fork()
        if child == 0:
            # Exit codes carry the status in hundreds: 2 for a success.
            os._exit(_request(order) // 100)
        _, outcome = os.waitpid(child, 0)
        if not os.WIFSIGNALED(outcome):
            orders.send(f"answered {os.WEXITSTATUS(outcome)}xx")
        elif os.WTERMSIG(outcome) == signal.SIGKILL:
            orders.send("killed")
        else:
            orders.send(f"died of {os.WTERMSIG(outcome)}")
