"""A PostgreSQL outage: what needs it is refused immediately, everything else continues, and recovery is detected."""

import contextlib
import errno
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from apikeys.services import IssuedKey
from core.postgres.breaker import Breaker
from tests.factories import World
from tests.live import WebProcess, web_process
from tests.waiting import wait_until

BACK_SECONDS = 30.0
SCOPES = ["customers:read", "customers:write"]


class Line:
    """A way to PostgreSQL that can be cut: a port on this machine, passed on to the server's socket."""

    def __init__(self) -> None:
        known = conninfo_to_dict(os.environ["DATABASE_URL"])
        self._there = (str(known["host"]), int(known.get("port") or 5432))
        self._listener = socket.create_server(("127.0.0.1", 0))
        port = self._listener.getsockname()[1]
        self.url = f"postgres://{known['user']}:{known['password']}@127.0.0.1:{port}/{known['dbname']}"
        self.is_cut = False
        self.attempts = 0
        self._open: set[socket.socket] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Break every connection, and each new one as it comes."""
        self.is_cut, self.attempts = True, 0
        for one in list(self._open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def repair(self) -> None:
        """Let new connections through."""
        self.is_cut = False

    def _accept(self) -> None:
        while True:
            here, _ = self._listener.accept()
            if self.is_cut:
                self.attempts += 1
                here.close()
                continue
            host, port = self._there
            if host.startswith("/"):
                there = socket.socket(socket.AF_UNIX)
                there.connect(f"{host}/.s.PGSQL.{port}")
            else:
                there = socket.create_connection((host, port))
            self._open |= {here, there}
            for source, target in ((here, there), (there, here)):
                threading.Thread(target=self._pass_on, args=(source, target), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while chunk := source.recv(65_536):
                target.sendall(chunk)
        for one in (source, target):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


@pytest.fixture(scope="module")
def line() -> Line:
    return Line()


@pytest.fixture(scope="module")
def web(line: Line) -> Iterator[WebProcess]:
    with web_process(threads=3, environment={"DATABASE_URL": line.url}) as server:
        yield server


def test_outage_causes_no_waits_and_recovers_automatically(
    web: WebProcess, line: Line, world: World, issue_key: Callable[..., IssuedKey]
) -> None:
    secret = issue_key(world.company, SCOPES, rate_limit=60).client_secret
    ada = {"name": "Ada"}
    assert web.request("POST", "/v1/customers", body=ada, secret=secret).status == 201

    line.cut()
    wait_until(
        lambda: web.request("POST", "/v1/customers", body=ada, secret=secret).status == 503,
        seconds=BACK_SECONDS,
    )
    before = line.attempts
    began = time.monotonic()
    refused = [web.request("POST", "/v1/customers", body=ada, secret=secret) for _ in range(12)]
    knows = [web.request("GET", "/v1/whoami", secret=secret) for _ in range(12)]
    asked = line.attempts - before
    seconds = time.monotonic() - began

    assert {(answer.status, answer.code) for answer in refused} == {(503, "temporarily_unavailable")}
    assert all("retry-after" in answer.headers for answer in refused)
    assert {answer.status for answer in knows} == {200}
    # Only the breaker asks, twice a second; the readiness check comes later.
    assert asked <= 2 * seconds + 2
    assert web.request("GET", "/healthz").status == 200
    # It may still say what it found within the last second, and half of that before the line was cut.
    wait_until(
        lambda: (
            web.request("GET", "/readyz").json["checks"].get("database") == "PostgreSQL cannot be reached"
        ),
        seconds=BACK_SECONDS,
    )
    assert web.request("GET", "/readyz").status == 503
    page = web.request(
        "GET", "/accounts/login/", headers={"Cookie": "sessionid=abcdefghijklmnopqrstuvwxyzabcdef"}
    )
    assert (page.status, page.headers.get("retry-after")) == (503, "2")

    line.repair()
    wait_until(
        lambda: web.request("POST", "/v1/customers", body=ada, secret=secret).status == 201,
        seconds=BACK_SECONDS,
    )
    wait_until(lambda: web.request("GET", "/readyz").status == 200, seconds=BACK_SECONDS)


def test_probe_that_fails_for_another_reason_is_repeated_too(monkeypatch: pytest.MonkeyPatch) -> None:
    connect, asked = psycopg.connect, []

    def connect_at_the_second_attempt(**parameters: Any) -> Any:
        asked.append(parameters)
        if len(asked) == 1:
            raise OSError(errno.EMFILE, "Too many open files")
        return connect(**parameters)

    monkeypatch.setattr("core.postgres.breaker.psycopg.connect", connect_at_the_second_attempt)
    breaker = Breaker()
    breaker.switch_on(conninfo_to_dict(os.environ["DATABASE_URL"]))

    breaker.suspect()
    wait_until(lambda: len(asked) == 2 and not breaker.is_open)

    breaker.suspect()
    wait_until(lambda: len(asked) == 3)


def test_role_timeouts_stop_runaway_statements() -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('statement_timeout'), current_setting('lock_timeout'), "
            "current_setting('idle_in_transaction_session_timeout')"
        )
        assert cursor.fetchone() == ("1min", "10s", "1min")
