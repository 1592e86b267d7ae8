"""A process that calls the API with one key as fast as possible, for the race tests.

Receives orders through its connection: `{"secret", "method", "path", "cold"}` starts a round, in which it sends "going" after a
few calls; the next order ends it after a few more calls. Then it sends the calls as `[(start, end, status), …]` on the machine's
monotonic clock. With `cold` it clears its caches before every third call, so that it is often in the middle of filling them.
"""

import time
from typing import Any

from apikeys import grants
from tests.clients import ApiClient, random_address
from tests.forked import Connection

FIRST_CALLS, LAST_CALLS = 5, 3


def serve(connection: Connection) -> None:
    """Serve rounds until killed."""
    # The first request loads the whole product; that must not be part of a race.
    ApiClient(ip=random_address()).get("/v1/whoami")
    connection.send("ready")
    while True:
        connection.send(hammer(connection.recv(), connection))


def hammer(order: dict[str, Any], connection: Connection) -> list[tuple[float, float, int]]:
    """Call until the next order has arrived, and a few times more."""
    calls: list[tuple[float, float, int]] = []
    client = ApiClient(order["secret"], ip=random_address())
    left: int | None = None
    while left != 0:
        if left is None and connection.poll():
            left = LAST_CALLS
        if order.get("cold") and len(calls) % 3 == 0:
            grants.COPIES.clear()
        began = time.monotonic()
        answer = client.request(order["method"], order["path"])
        calls.append((began, time.monotonic(), answer.status))
        if len(calls) == FIRST_CALLS:
            connection.send("going")
        if left is not None:
            left -= 1
        if answer.status >= 400:
            # Refusals must not run into the address's failure limit.
            client.ip = random_address()
    connection.recv()
    return calls
