"""A crash at any point leaves a write complete or absent, and a retry settles which (docs/architecture.md, Idempotency)."""

import contextlib
import http.client
import threading
import time
from collections.abc import Callable
from typing import Any

from apikeys.services import IssuedKey
from audit.models import AuditEntry
from billing.models import Customer
from core.models import IdempotencyRecord, OutboxEvent
from core.tenancy import tenant_context
from tests.clients import ApiClient
from tests.core.api.crashing import serve
from tests.factories import make_world
from tests.forked import forked
from tests.live import web_process

# After the lock with its look-up, the customer, its metadata, the outbox row, the audit entry and the stored answer (what
# begins and ends the savepoints travels with these), and on both sides of the commit.
FEWEST_POINTS = 8
SETTLED_SECONDS = 20


def traces(tenant: Any, external_id: Any, key: Any) -> Any:
    """How many rows of each kind the write has left: customer, event, audit entry, stored answer."""
    with tenant_context(tenant):
        customers = list(Customer.objects.filter(external_id=external_id))
        ids = [customer.public_id for customer in customers]
        return (
            len(customers),
            OutboxEvent.objects.filter(
                type="customer.created", data__object__external_id=external_id
            ).count(),
            AuditEntry.objects.filter(action="customer.created", target_id__in=ids).count(),
            IdempotencyRecord.objects.filter(key=key).count(),
        )


def test_sigkill_after_every_statement_and_around_the_commit_leaves_all_or_nothing(
    api: Callable[..., ApiClient], issue_key: Callable[..., IssuedKey]
) -> None:
    world = make_world(tier="enterprise")
    secret = issue_key(world.company, ["customers:write"], rate_limit=1000).client_secret
    client = api(secret)
    outcomes = []
    with forked(serve) as runner:
        for point in range(200):
            key, external_id = f"crash-{point}", f"crash-{point}"
            body = {"name": "Ada Lovelace", "external_id": external_id}
            order = {"point": point, "path": "/v1/customers", "secret": secret, "key": key, "body": body}
            runner.connection.send(order)
            outcome = runner.receive()

            left = traces(world.tenant(), external_id, key)
            assert left in {(0, 0, 0, 0), (1, 1, 1, 1)}, f"killed at point {point}: {left}"

            # PostgreSQL ends the dead process's transaction, and with it the lock, by itself and at once.
            deadline = time.monotonic() + SETTLED_SECONDS
            while (answer := client.post("/v1/customers", body, idempotency_key=key)).status == 409:
                assert time.monotonic() < deadline, "the lock outlived its process"
                time.sleep(0.05)
            assert answer.status == 201
            assert ("Idempotency-Replayed" in answer.headers) == (left == (1, 1, 1, 1))
            assert traces(world.tenant(), external_id, key) == (1, 1, 1, 1)
            outcomes.append((outcome, left))
            if outcome != "killed":
                break

    assert outcomes[-1] == ("answered 2xx", (1, 1, 1, 1))
    killed = [left for outcome, left in outcomes if outcome == "killed"]
    assert len(killed) >= FEWEST_POINTS
    # Both ends were reached: killed before the commit, and after it.
    assert killed[0] == (0, 0, 0, 0)
    assert killed[-1] == (1, 1, 1, 1)


def test_sigkill_of_the_web_server_under_load_loses_and_doubles_nothing(
    issue_key: Callable[..., IssuedKey],
) -> None:
    world = make_world(tier="enterprise")
    secret = issue_key(world.company, ["customers:write"], rate_limit=1000).client_secret
    answered: dict[str, bytes] = {}
    with web_process(workers=1, threads=4, is_forked=True) as server:
        stop = threading.Event()

        def write(writer: Any) -> None:
            for number in range(60):
                name = f"w{writer}-{number}"
                if stop.is_set():
                    return
                with contextlib.suppress(OSError, http.client.HTTPException):
                    answer = send(server, secret, name)
                    if answer.status == 201:
                        answered[name] = answer.content

        writers = [threading.Thread(target=write, args=(number,)) for number in range(4)]
        for writer in writers:
            writer.start()
        while len(answered) < 20:
            time.sleep(0.005)
        server.kill()
        stop.set()
        for writer in writers:
            writer.join()
        assert len(answered) < 240, "the server was killed after its work was done"

        server.start()
        names = [f"w{writer}-{number}" for writer in range(4) for number in range(30)]
        deadline = time.monotonic() + SETTLED_SECONDS
        for name in names:
            while (answer := send(server, secret, name)).status == 409:
                assert time.monotonic() < deadline
                time.sleep(0.05)
            assert answer.status == 201
            if name in answered:
                assert answer.content == answered[name]

    for name in {*names, *answered}:
        assert traces(world.tenant(), name, name) == (1, 1, 1, 1), name


def send(server: Any, secret: Any, name: Any) -> Any:
    """Create the customer `name` under the key `name`."""
    body = {"name": "Ada Lovelace", "external_id": name}
    return server.request(
        "POST", "/v1/customers", body=body, secret=secret, headers={"Idempotency-Key": name}
    )
