"""Valkey Cluster with three primaries and replicas, and Valkey Sentinel."""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import redis

from core.engines.programs import valkey_server
from tests.cluster.life import WRITES, live
from tests.core.valkey_servers import free_port, sentinel, wait_for_server
from tests.engines import private_platform


@contextlib.contextmanager
def cluster(folder: Path) -> Iterator[str]:
    """Start three primaries and three replicas. Yields VALKEY_URL."""
    # The cluster bus listens on the port plus 10,000, which must stay in range.
    ports = list({free_port() % 10_000 * 3 + 20_000 for _ in range(20)})[:6]
    with contextlib.ExitStack() as stack:
        for port in ports:
            place = folder / str(port)
            place.mkdir()
            options = {
                "port": port,
                "dir": place,
                "cluster-enabled": "yes",
                "cluster-node-timeout": 1000,
                "save": "",
                "bind": "127.0.0.1",
            }
            command = [
                str(valkey_server()),
                *(text for name, value in options.items() for text in (f"--{name}", str(value))),
            ]
            process = stack.enter_context(subprocess.Popen(command, stdout=subprocess.DEVNULL))
            stack.callback(process.kill)
        nodes = [redis.Redis(port=port, decode_responses=True) for port in ports]
        for node in nodes:
            wait_for_server(node.ping)
        slots = [(0, 5460), (5461, 10922), (10923, 16383)]
        for number, (node, (first, last)) in enumerate(zip(nodes, slots, strict=False), start=1):
            node.execute_command("CLUSTER", "SET-CONFIG-EPOCH", number)
            node.execute_command("CLUSTER", "ADDSLOTSRANGE", first, last)
        for port in ports[1:]:
            nodes[0].execute_command("CLUSTER", "MEET", "127.0.0.1", port)
        for node in nodes[:3]:
            wait_for_server(lambda node=node: "cluster_state:ok" in node.execute_command("CLUSTER", "INFO"))
        for replica, primary in zip(nodes[3:], nodes[:3], strict=True):
            name = primary.execute_command("CLUSTER", "MYID")
            wait_for_server(
                lambda replica=replica, name=name: replica.execute_command("CLUSTER", "REPLICATE", name)
            )
        for node in nodes:
            wait_for_server(
                lambda node=node: "cluster_known_nodes:6" in node.execute_command("CLUSTER", "INFO")
            )
        yield f"redis+cluster://127.0.0.1:{ports[0]},127.0.0.1:{ports[1]}"


def test_valkey_cluster_of_three_with_replicas_works(tmp_path: Path, seen: Any) -> None:
    with private_platform() as (engines, environment), cluster(tmp_path) as url:
        broker = engines.environment["CELERY_BROKER_URL"]
        live(environment | {"VALKEY_URL": url, "CELERY_BROKER_URL": broker})
    seen(
        "Valkey Cluster, three primaries with a replica each",
        f"{WRITES} writes by eight threads on two processes, `verify_platform`",
    )


def test_primary_with_replica_and_sentinel_works(tmp_path: Path, seen: Any) -> None:
    with private_platform() as (_, environment), sentinel(tmp_path) as watched:
        live(environment | {"VALKEY_URL": watched.url, "CELERY_BROKER_URL": watched.broker_url})
    seen("Valkey primary and replica behind a Sentinel", "the same; the take-over is in `make test`")
