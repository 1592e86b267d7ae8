"""Three nodes (web server and worker) on one PostgreSQL, a Valkey Cluster and a broker, with a node killed every five seconds.

`--seconds` sets the duration (180 by default).
"""

from __future__ import annotations

import contextlib
import json
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import urllib3

from tests.chaos.ledger import balance
from tests.chaos.run import Clock, settle
from tests.chaos.traffic import FlakyReceiver, Writers
from tests.cluster.brokers import rabbitmq, rabbitmq_version
from tests.cluster.nodes import NODES, Killer, Limited, Nodes, ask, log_of
from tests.cluster.test_valkey import cluster
from tests.engines import private_valkey
from tests.waiting import wait_until

LIMIT = 60  # per minute: the bucket holds this many tokens and refills one per second
REVOKE_EVERY_SECONDS = 12
LEAST_WRITES = 50


@contextlib.contextmanager
def broker(folder: Path) -> Iterator[Any]:
    """RabbitMQ if installed, otherwise a private Valkey. Yields URL and name."""
    if version := rabbitmq_version():
        with rabbitmq(folder / "rabbitmq") as url:
            yield url, f"RabbitMQ {version}"
    else:
        with private_valkey() as valkey:
            yield valkey.broker_url, "a Valkey of its own as the broker"


def revoke_while_all_are_up(nodes: Nodes, client_id: str, secret: str) -> list[int]:
    """Revoke a key that every node has just served. Return the status that each node returns right afterwards."""
    pool = urllib3.PoolManager(retries=False, timeout=urllib3.Timeout(connect=2, read=10))
    wait_until(lambda: all(ask(pool, url, secret) == 200 for url in nodes.urls), seconds=120, every=0.2)
    nodes.manage("revoke_key", client_id)
    return [ask(pool, url, secret) for url in nodes.urls]


def revoke_in_turn(
    nodes: Nodes, keys: list[tuple[str, str]], until: float
) -> tuple[int, Counter[str], list[str]]:
    """Revoke keys one by one with the operator's command while nodes are killed, and call every node with each.

    Returns how many keys were revoked, how many nodes responded immediately and how many after a restart, and the responses
    that were not refusals.
    """
    pool = urllib3.PoolManager(retries=False, timeout=urllib3.Timeout(connect=2, read=10))
    revoked, told, wrong = 0, Counter[str](), []
    for client_id, secret in keys:
        if time.monotonic() > until:
            break
        began = time.monotonic()
        knew = [url for url in nodes.urls if ask(pool, url, secret) == 200]
        nodes.manage("revoke_key", client_id)
        revoked += 1
        for url in nodes.urls:
            status, when = ask(pool, url, secret), "at once"
            while status == 0 and time.monotonic() < began + 60:
                time.sleep(0.2)
                status, when = ask(pool, url, secret), "after its start"
            if status == 401:
                told[f"{when}, having served the key" if url in knew else when] += 1
            elif status not in (0, 503):
                wrong.append(f"{status} from {url} {when}")
        time.sleep(max(0.0, began + REVOKE_EVERY_SECONDS - time.monotonic()))
    return revoked, told, wrong


def test_killed_nodes_lose_nothing(tmp_path: Path, trouble_seconds: float, seen: Any) -> None:
    with (
        cluster(tmp_path) as valkey_url,
        broker(tmp_path) as (broker_url, broker_name),
        FlakyReceiver() as receiver,
        Nodes(valkey_url=valkey_url, broker_url=broker_url) as nodes,
    ):
        # given three nodes, writers that retry until there is a response, and callers beyond their key's limit
        made = json.loads(nodes.run_module("tests.chaos.seed", receiver.url))
        receiver.secret = made["secret"]
        count = str(int(trouble_seconds / REVOKE_EVERY_SECONDS) + 2)
        more = json.loads(nodes.run_module("tests.cluster.seed", made["company"], str(LIMIT), count))
        nodes.start()
        calm = revoke_while_all_are_up(nodes, *more["keys"].pop())
        writers = Writers(*nodes.urls, key=made["key"], per_second=5.0)
        limited, killer, clock = Limited(nodes.urls, more["limited"]), Killer(nodes), Clock(nodes)
        # when nodes are killed at random under this traffic
        for each in (writers, limited, killer, clock):
            each.start()
        end = time.monotonic() + trouble_seconds
        revoked, told, wrong = revoke_in_turn(nodes, more["keys"], end)
        time.sleep(max(0.0, end - time.monotonic()))
        killer.stop()
        limited.stop()
        writers.stop(at_least=LEAST_WRITES)
        settle(nodes, made["company"])
        clock.stop()
        ledger = balance(
            nodes, made["company"], accepted=writers.accepted, delivered=receiver.subjects.values()
        )
        failures = [line for name in ("web 1", "web 2", "web 3") for line in log_of(nodes, name).splitlines()]
    # then
    admitted = limited.statuses.get(200, 0)
    message = (
        f"{sum(killer.kills.values())} kills in {limited.lasted:.0f} s ({killer.skipped} left out, since only one node was up); "
        f"{ledger}; writers' tries by status (0: no answer): {dict(writers.statuses)}; "
        f"one key's calls: {limited.statuses}, {admitted} admitted of at most {LIMIT + limited.lasted * LIMIT / 60:.0f}; "
        f"revoked with all nodes up: {calm}; {revoked} more keys revoked, refused by nodes: {dict(told)}"
    )
    print(message)
    assert calm == [401] * len(NODES)
    assert writers.surprises == [], failures[-5:]
    assert (ledger.lost_writes, ledger.double_writes, ledger.lost_events) == (set(), set(), set()), message
    assert receiver.forged == 0
    assert len(writers.accepted) >= LEAST_WRITES, message
    assert admitted <= LIMIT + limited.lasted * LIMIT / 60 + 1, message
    assert wrong == [], message
    assert told, message
    assert any(killer.kills.values()), message
    assert all(killer.kills[node] for node in NODES) or trouble_seconds < 60, message
    seen(f"three nodes, Valkey Cluster (3 + 3), {broker_name}", message)
