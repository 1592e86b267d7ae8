"""The cost per request of the front door's checks: ambiguous headers, and limits on heads, work and memory.

    python -m tests.benchmarks.bench_checks [--rounds=200]

Each check is timed against the same work without it, in alternating rounds of thousands of calls, by the CPU time of one thread.
The total is a `GET /v1/whoami` in this process, with a real Valkey. A server's throughput could not resolve such small shares.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable
from functools import partial
from io import BytesIO
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.benchmarks.stage import stage

DATABASE = "checks"
MOST = 3.0  # per cent
LINES = [
    ("host", "api.example.com"),
    ("authorization", ""),
    ("user-agent", "python-requests/2.32.3"),
    ("accept", "*/*"),
    ("accept-encoding", "gzip, deflate"),
    ("connection", "keep-alive"),
    ("x-forwarded-for", "203.0.113.7"),
    ("x-forwarded-proto", "https"),
    ("x-request-id", "7c0f9a3e"),
]


class Scope:
    """A request as passed by granian."""

    client, server, scheme, method = "127.0.0.1:40000", "127.0.0.1:8000", "http", "GET"
    http_version, authority, path, query_string = "1.1", None, "/v1/whoami", ""

    def __init__(self, secret: str) -> None:
        lines = [(name, f"Bearer {secret}" if name == "authorization" else value) for name, value in LINES]
        self.headers = Headers(lines)


class Headers:
    """Granian's headers."""

    def __init__(self, lines: list[tuple[str, str]]) -> None:
        self._lines = lines

    def items(self) -> list[tuple[str, str]]:
        """Return a new list of the headers."""
        return list(self._lines)

    def __len__(self) -> int:
        return len(self._lines)


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    options = parser.parse_args()
    with stage() as scene:
        scene.make_database(DATABASE)
        seeded = scene.python(
            DATABASE, "tests.benchmarks.seeding", {"keys": 1, "customers": 1, "mass_keys": 0}
        )
        os.environ |= scene.environment(
            DATABASE, ALLOWED_HOSTS="api.example.com", TRUSTED_PROXIES="127.0.0.1"
        )
        _measure(Scope(seeded["secrets"][0]), options.rounds)


def _measure(scope: Scope, rounds: int) -> None:
    from django.db import connections

    from config.door.environ import build_environ
    from config.door.slots import Slots
    from config.wsgi import application
    from core.http import addresses

    def whoami() -> None:
        answer = application(build_environ(scope, scope.path), lambda status, headers: None)
        assert b'"object":"' in b"".join(answer)

    slots, meta = Slots(8), build_environ(scope, scope.path)
    sides: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
        "unambiguous headers of bounded size": (
            partial(build_environ, scope, scope.path), partial(_plain_environ, scope, scope.path),
        ),
        "a slot for the request": (lambda: slots.work(slots.enter(_nothing, _nothing)), _nothing),
        "caching only short addresses": (
            partial(addresses.client_address, meta),
            lambda: addresses._remembered_address(meta["REMOTE_ADDR"], meta["HTTP_X_FORWARDED_FOR"]),
        ),
    }  # fmt: skip
    for _ in range(500):
        whoami()
    found: dict[str, list[float]] = {name: [] for name in sides}
    whole: list[float] = []
    for _ in range(rounds):
        whole.append(_microseconds(whoami, 20))
        for name, (checked, plain) in sides.items():
            found[name].append(_microseconds(checked, 2_000) - _microseconds(plain, 2_000))
    connections["default"].close_pool()  # type: ignore[attr-defined]
    _print(found, statistics.median(whole))


def _plain_environ(scope: Any, path: str) -> dict[str, Any]:
    """Return the environ of a request without checking its headers."""
    from config.door import environ as door

    server, _, port = scope.server.rpartition(":")
    environ = door._BASE | {
        "SERVER_PROTOCOL": door._PROTOCOLS.get(scope.http_version, "HTTP/1.1"),
        "SERVER_NAME": server,
        "SERVER_PORT": port,
        "REMOTE_ADDR": scope.client.rpartition(":")[0].strip("[]"),
        "REQUEST_METHOD": scope.method,
        "PATH_INFO": path if path.isascii() else path.encode().decode("latin-1"),
        "QUERY_STRING": scope.query_string,
        "wsgi.url_scheme": scope.scheme,
        "wsgi.input": BytesIO(),
    }
    for name, value in scope.headers.items():
        environ[door._KEYS.get(name) or f"HTTP_{name.upper().replace('-', '_')}"] = value
    return environ


def _nothing() -> None:
    pass


def _microseconds(do: Callable[[], Any], times: int) -> float:
    began = time.thread_time()
    for _ in range(times):
        do()
    return (time.thread_time() - began) / times * 1e6


def _print(found: dict[str, list[float]], whole: float) -> None:
    table = Table(title=f"What the door's checks add to a whoami of {whole:,.0f} µs of processor time")
    for column in ("Check", "µs", "quartiles", "share"):
        table.add_column(column)
    for name, costs in found.items():
        low, middle, high = statistics.quantiles(costs, n=4)
        table.add_row(name, f"{middle:.2f}", f"{low:.2f} to {high:.2f}", f"{middle / whole:.2%}")
    every = sum(statistics.median(costs) for costs in found.values()) / whole * 100
    table.add_row(
        "all of them", "", f"at most {MOST:g} %: {'met' if every <= MOST else 'MISSED'}", f"{every:.2f} %"
    )
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
