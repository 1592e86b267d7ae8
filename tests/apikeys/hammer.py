"""A process that calls the API with one key as fast as possible, for the race tests.

Reads one JSON object per line from stdin: `{"secret", "method", "path", "cold"}` starts a round, in which it writes `going` after a
few calls; `{}` ends it after a few more calls. Then it writes one line: the calls as `[[start, end, status], …]` on the machine's
monotonic clock. With `cold` it clears its caches before every third call, so that it is often in the middle of filling them.
"""

import json
import os
import queue
import sys
import threading
import time
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.test")

import django

django.setup()

from apikeys import grants  # noqa: E402
from tests.clients import ApiClient, random_address  # noqa: E402

FIRST_CALLS, LAST_CALLS = 5, 3


def main() -> None:
    """Serve rounds until stdin ends."""
    orders: queue.Queue[dict[str, Any] | None] = queue.Queue()
    threading.Thread(target=_read_orders, args=(orders,), daemon=True).start()
    # The first request loads the whole product; that must not be part of a race.
    ApiClient(ip=random_address()).get("/v1/whoami")
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while (order := orders.get()) is not None:
        calls = hammer(order, orders)
        sys.stdout.write(json.dumps(calls) + "\n")
        sys.stdout.flush()


def hammer(
    order: dict[str, Any], orders: "queue.Queue[dict[str, Any] | None]"
) -> list[tuple[float, float, int]]:
    """Call until the next order has arrived, and a few times more."""
    calls: list[tuple[float, float, int]] = []
    client = ApiClient(order["secret"], ip=random_address())
    left: int | None = None
    while left != 0:
        if left is None and not orders.empty():
            left = LAST_CALLS
        if order.get("cold") and len(calls) % 3 == 0:
            grants.COPIES.clear()
        began = time.monotonic()
        answer = client.request(order["method"], order["path"])
        calls.append((began, time.monotonic(), answer.status))
        if len(calls) == FIRST_CALLS:
            sys.stdout.write("going\n")
            sys.stdout.flush()
        if left is not None:
            left -= 1
        if answer.status >= 400:
            # Refusals must not run into the address's failure limit.
            client.ip = random_address()
    orders.get()
    return calls


def _read_orders(orders: "queue.Queue[dict[str, Any] | None]") -> None:
    for line in sys.stdin:
        orders.put(json.loads(line))
    orders.put(None)


if __name__ == "__main__":
    main()
