"""The cost of a guarded request, against a bare view and against what a Django team would typically use.

    python -m tests.benchmarks.bench_guard [--scale=1000000] [--seconds=8] [--requests=100000] [--only=whoami,…]

One web worker, production settings, full middleware, real PostgreSQL (fsync on) and Valkey. Both sides of a ratio are loaded
alternately for a quarter of a second within the same run, so that other load on the machine affects both alike. Besides
throughput, the worker's CPU time per response is compared slice by slice, which is more reliable on a busy machine.
"""

import argparse
import contextlib
import random
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import redis
from rich.console import Console
from rich.table import Table

from tests.benchmarks.load import Client, Slice, packed
from tests.benchmarks.paired import Estimate, estimate
from tests.benchmarks.stage import POMELO, Server, Stage, stage

PEER = "tests.benchmarks.peer.wsgi:application"
KEYS = 200
COLD_KEYS = 1_000
SLICE_SECONDS = 0.25
# Until all logged requests have been sent to Valkey (audit.ingest.shipping.FLUSH_SECONDS, and sending).
LOG_SETTLES_SECONDS = 0.15
LOG_ROUNDS_PER_SECOND = 10


@dataclass(frozen=True)
class Figure:
    """A row of the table. `must` and `aim` are minimums for speed ratios, maximums otherwise."""

    name: str
    value: float
    must: float
    aim: float | None
    unit: str = "×"
    at_least: bool = True
    note: str = ""

    def reaches(self, bound: float | None) -> bool:
        """Whether the value meets `bound`."""
        if bound is None:
            return True
        return self.value >= bound if self.at_least else self.value <= bound


class Bench:
    """The servers and the measurements of one run."""

    def __init__(self, scene: Stage, options: argparse.Namespace) -> None:
        self.scene, self.options = scene, options
        self.figures: list[Figure] = []
        scene.make_database("small")
        scene.clone("small", "peer")
        self.seed = scene.python("small", "tests.benchmarks.seeding", _order(1_000, 1_000))
        self.peer_seed = scene.python(
            "peer", "tests.benchmarks.peer_seeding", {"keys": KEYS, "customers": 1_000}, **_peer(scene)
        )

    @contextlib.contextmanager
    def pomelo(self, database: str = "small", **extra: str) -> Iterator[Server]:
        """The product on `database`."""
        with self.scene.server(self.scene.environment(database, **extra), POMELO) as server:
            yield server

    @contextlib.contextmanager
    def peer(self) -> Iterator[Server]:
        """The peer."""
        with self.scene.server(self.scene.peer_environment("peer"), PEER) as server:
            yield server

    def turn(self, *sides: tuple[Server, Callable[[int], bytes], int]) -> list[Slice]:
        """Warm up all sides, then load them alternately."""
        clients = [Client(server.port, pack, status=status) for server, pack, status in sides]
        try:
            for client in clients:
                client.run(requests=2 * KEYS)
            done = [Slice() for _ in sides]
            self.cpu: list[list[float]] = [[] for _ in sides]
            for _ in range(max(1, int(self.options.seconds / SLICE_SECONDS))):
                for number, (server, _, _) in enumerate(sides):
                    before = server.cpu()
                    part = clients[number].run(seconds=SLICE_SECONDS)
                    done[number].add(part)
                    self.cpu[number].append((server.cpu() - before) / part.answers * 1e6)
        finally:
            for client in clients:
                client.close()
        return done

    def ratio(self, name: str, done: list[Slice], must: float, aim: float) -> None:
        """Record the ratio of the first side's throughput to the second's, from the result of `turn`."""
        ours, theirs = done
        found = estimate([other / own for own, other in zip(*self.cpu, strict=True)])
        note = f"{ours.rate:,.0f} / {theirs.rate:,.0f} per s; CPU {_medians(self.cpu)}: {_shown(found)} ×"
        self.figures.append(Figure(name, ours.rate / theirs.rate, must, aim, note=note))

    # --- requests in wire format ------------------------------------------------------------------------------------------

    def get(self, path: str, seed: dict[str, Any] | None = None) -> Callable[[int], bytes]:
        """Build GETs that use the keys in turn."""
        found = [
            packed("GET", path, headers={"Authorization": f"Bearer {secret}"})
            for secret in (seed or self.seed)["secrets"][:KEYS]
        ]
        return lambda number: found[number % len(found)]

    def peer_get(self, path: str) -> Callable[[int], bytes]:
        """Build GETs of the peer that use its keys in turn."""
        found = [
            packed("GET", path, headers={"Authorization": f"Api-Key {key}"}) for key in self.peer_seed["keys"]
        ]
        return lambda number: found[number % len(found)]

    def create(self) -> Callable[[int], bytes]:
        """Build creates with unique Idempotency-Keys."""
        secrets = self.seed["secrets"][:KEYS]
        return lambda number: packed(
            "POST",
            "/v1/customers",
            headers={
                "Authorization": f"Bearer {secrets[number % len(secrets)]}",
                "Idempotency-Key": f"bench-{number}",
            },
            body=_customer(number),
        )

    def peer_create(self) -> Callable[[int], bytes]:
        """Build creates of the peer."""
        keys = self.peer_seed["keys"]
        return lambda number: packed(
            "POST",
            "/create",
            headers={"Authorization": f"Api-Key {keys[number % len(keys)]}"},
            body=_customer(number),
        )

    # --- measurements --------------------------------------------------------------------------------------------------

    def whoami(self) -> None:
        """Whoami against a bare view and against the usual guard."""
        with self.pomelo() as ours, self.peer() as theirs:
            sides = (ours, self.get("/v1/whoami"), 200), (theirs, self.peer_get("/bare"), 200)
            done = self.turn(*sides)
            self.ratio("whoami, against a bare DRF view", done, 0.78, 0.9)
            done = self.turn((ours, self.get("/v1/whoami"), 200), (theirs, self.peer_get("/guarded"), 200))
            self.ratio("whoami, against drf-api-key + SimpleRateThrottle", done, 3.0, 3.5)

    def customers(self) -> None:
        """Creating and listing customers against DRF."""
        with self.pomelo() as ours, self.peer() as theirs:
            done = self.turn(
                (ours, self.get("/v1/customers?limit=20"), 200),
                (theirs, self.peer_get("/customers?limit=20"), 200),
            )
            self.ratio("list of 20 customers, against a DRF list without guard", done, 1.25, 1.4)
            done = self.turn((ours, self.create(), 201), (theirs, self.peer_create(), 201))
            self.ratio("create with Idempotency-Key, against drf-api-key's create", done, 1.0, 1.2)

    def resource(self) -> None:
        """An extension's ModelViewSet against a plain DRF list of the same columns."""
        with self.pomelo(EXTENSIONS="tests.benchmarks.resource") as ours, self.peer() as theirs:
            done = self.turn(
                (ours, self.get("/v1/plain_customers?limit=20"), 200),
                (theirs, self.peer_get("/customers?limit=20"), 200),
            )
            self.ratio("list of 20 by a ModelViewSet, against a DRF list without guard", done, 0.9, 1.0)

    def log(self) -> None:
        """The request log's share of a worker's CPU time, in one process where some requests ask not to be logged."""
        self._share_of_log("the request log's share of whoami's processor time", "yes", "not", must=5.0)

    def bodies(self) -> None:
        """The share of keeping bodies of requests, redacted and encrypted, in one process where some requests ask for it."""
        self._share_of_log("kept bodies' share of whoami's processor time", "kept", "yes", must=50.0)

    def _share_of_log(self, name: str, with_it: str, without_it: str, *, must: float) -> None:
        with self.pomelo(DJANGO_SETTINGS_MODULE="tests.benchmarks.unlogged") as server:
            secrets = self.seed["secrets"][:KEYS]
            clients = {}
            for log in (with_it, without_it):
                packs = [
                    packed("GET", "/v1/whoami", headers={"Authorization": f"Bearer {secret}", "X-Log": log})
                    for secret in secrets
                ]
                clients[log] = Client(server.port, lambda number, packs=packs: packs[number % KEYS])  # type: ignore[misc]
                clients[log].run(requests=2 * KEYS)
            costs: dict[str, list[float]] = {log: [] for log in clients}
            order = list(clients)
            for _ in range(int(self.options.seconds * LOG_ROUNDS_PER_SECOND)):
                random.shuffle(order)
                for log in order:
                    before = server.cpu()
                    part = clients[log].run(seconds=SLICE_SECONDS)
                    time.sleep(LOG_SETTLES_SECONDS)
                    costs[log].append((server.cpu() - before) / part.answers * 1e6)
            for client in clients.values():
                client.close()
        pairs = list(zip(costs[with_it], costs[without_it], strict=True))
        found = estimate([(1 - without / with_) * 100 for with_, without in pairs])
        self.figures.append(
            Figure(
                name,
                value=found.value,
                must=must,
                aim=None,
                unit=" %",
                at_least=False,
                note=f"CPU {_medians(list(costs.values()))}: {_shown(found)} % of {len(pairs)} pairs",
            )
        )

    def hashers(self) -> None:
        """bcrypt against sha256 on the hot path."""
        with self.pomelo() as ours, self.pomelo(API_KEY_HASHER="sha256") as sha256:
            whoami = self.get("/v1/whoami")
            done = self.turn((ours, whoami, 200), (sha256, whoami, 200))
            self.ratio("whoami: bcrypt_sha256, against sha256", done, 0.95, 1.0)

    def scale(self) -> None:
        """A large table against a small one."""
        size = self.options.scale
        self.scene.clone("small", "large")
        large = self.scene.python("large", "tests.benchmarks.seeding", _order(size, size))
        with self.pomelo("small") as small_server, self.pomelo("large") as large_server:
            for name, path, small_path in (
                (f"p50 of whoami: {size:,} keys, against 1,000", "/v1/whoami", None),
                (f"p50 of page 1: {size:,} customers, against 1,000", "/v1/customers?limit=20", None),
                (
                    f"p50 of page 10,000: {size:,} customers, against page 1 of 1,000",
                    f"/v1/customers?limit=20&starting_after={large['cursor']}",
                    "/v1/customers?limit=20",
                ),
            ):
                done = self.turn(
                    (large_server, self.get(path, large), 200),
                    (small_server, self.get(small_path or path), 200),
                )
                note = f"{done[0].p50 * 1e3:.2f} / {done[1].p50 * 1e3:.2f} ms"
                self.figures.append(
                    Figure(name, done[0].p50 / done[1].p50, 1.2, 1.05, at_least=False, note=note)
                )

    def cold(self) -> None:
        """The first request of a process for a known key, and for every key after FLUSHALL."""
        self.scene.clone("small", "cold")
        order = {"keys": COLD_KEYS, "customers": 0, "mass_keys": 0}
        secrets = self.scene.python("cold", "tests.benchmarks.seeding", order)["secrets"]
        packs = [packed("GET", "/v1/whoami", headers={"Authorization": f"Bearer {s}"}) for s in secrets]

        def each(number: int) -> bytes:
            return packs[(number - 1) % len(packs)]

        with self.pomelo("cold") as server:
            self._first_requests(server, each, len(packs))  # known to Valkey from here on
            server.kill()
            server.start()
            self._record_cold("first request of a process for a known key, p95", server, each, len(packs))
            redis.Redis.from_url(self.scene.environment("cold")["VALKEY_URL"]).flushall()
            self._record_cold("each known key after FLUSHALL, p95", server, each, len(packs))

    def _record_cold(self, name: str, server: Server, pack: Callable[[int], bytes], count: int) -> None:
        done = self._first_requests(server, pack, count)
        note = f"{count} keys, p50 {done.p50 * 1e3:.1f} ms"
        self.figures.append(Figure(name, done.p95 * 1e3, 10.0, None, unit=" ms", at_least=False, note=note))

    @staticmethod
    def _first_requests(server: Server, pack: Callable[[int], bytes], count: int) -> Slice:
        client = Client(server.port, pack, connections=1)
        try:
            # The very first request loads the URLs, which is part of the process's startup.
            client.run(requests=1)
            return client.run(requests=count - 1)
        finally:
            client.close()

    def _run(self, server: Server, path: str, requests: int) -> None:
        with contextlib.closing(Client(server.port, self.get(path))) as client:
            client.run(requests=requests)

    def memory(self) -> None:
        """The worker's memory after many requests of all kinds."""
        paths, total = ("/v1/whoami", "/v1/customers?limit=20"), self.options.requests
        with self.pomelo() as server:
            for path in paths:
                self._run(server, path, total // 20)
            warm = server.memory()
            for path in paths:
                self._run(server, path, total // 2)
            grown = server.memory()
        self.figures.append(
            Figure(f"worker memory after {total:,} requests", grown, 160.0, None, unit=" MiB", at_least=False)
        )
        growth = (grown / warm - 1) * 100
        self.figures.append(
            Figure(
                "growth after warm-up",
                growth,
                2.0,
                None,
                unit=" %",
                at_least=False,
                note=f"from {warm:.0f} MiB",
            )
        )


def _medians(costs: Sequence[Sequence[float]]) -> str:
    return " / ".join(f"{statistics.median(each):,.0f}" for each in costs) + " µs"


def _shown(found: Estimate) -> str:
    return f"{found.value:.2f} ({found.low:.2f} to {found.high:.2f})"


def _order(customers: int, mass_keys: int) -> dict[str, int]:
    return {"keys": KEYS, "customers": customers, "mass_keys": mass_keys}


def _peer(scene: Stage) -> dict[str, str]:
    return scene.peer_environment("peer")


def _customer(number: int) -> dict[str, Any]:
    return {
        "name": "Ada Lovelace",
        "email": "ada@example.com",
        "external_id": f"bench-{number}",
        "metadata": {"plan": "gold"},
    }


def table(figures: list[Figure]) -> Table:
    """Return the figures as a table."""
    shown = Table(title="The guarded request", title_justify="left")
    for heading in ("figure", "measured", "must", "aim", "", "from"):
        shown.add_column(heading, justify="left" if heading in ("figure", "from") else "right")
    for figure in figures:
        mark = "[green]aim[/]" if figure.aim and figure.reaches(figure.aim) else "[green]ok[/]"
        if not figure.reaches(figure.must):
            mark = "[red]missed[/]"
        sign = "≥" if figure.at_least else "≤"
        shown.add_row(
            figure.name,
            f"{figure.value:.2f}{figure.unit}",
            f"{sign} {figure.must:g}{figure.unit}",
            f"{sign} {figure.aim:g}{figure.unit}" if figure.aim else "",
            mark,
            figure.note,
        )
    return shown


def main() -> None:
    """Measure and print. The exit status is 1 if a required figure is missed."""
    groups = ("whoami", "customers", "resource", "log", "bodies", "hashers", "cold", "memory", "scale")
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--scale", type=int, default=1_000_000, help="rows of the large tables")
    options.add_argument("--seconds", type=float, default=8.0, help="of load for each side of a ratio")
    options.add_argument("--requests", type=int, default=100_000, help="before memory is read")
    options.add_argument("--only", default=",".join(groups), help=f"any of {', '.join(groups)}")
    chosen = options.parse_args()
    console = Console()
    with stage() as scene, console.status("starting engines, seeding") as status:
        bench = Bench(scene, chosen)
        for group in chosen.only.split(","):
            status.update(f"measuring: {group}")
            getattr(bench, group)()
    console.print(table(bench.figures))
    raise SystemExit(not all(figure.reaches(figure.must) for figure in bench.figures))


if __name__ == "__main__":
    main()
