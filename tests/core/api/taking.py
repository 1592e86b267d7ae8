"""A process that takes tokens from a bucket as fast as possible until a deadline (tests.forked).

Sends "ready", waits for an order to begin, then sends how many calls it made, how many were admitted, and the server's clock
(microseconds) before the first and after the last call.
"""

import time

from core.api.throttling import PolicySet, RatePolicy, prepare_take
from core.valkey import commands
from tests.forked import Connection


def server_clock() -> int:
    """The clock the buckets run on."""
    seconds, microseconds = commands.client().time()
    return int(seconds) * 1_000_000 + int(microseconds)


def take(connection: Connection, tag: str, quota: int, seconds: float) -> None:
    """Take until the deadline."""
    fences = [f"{{{tag}}}:a", f"{{{tag}}}:b"]
    call = prepare_take(
        fences, [b"1:x", b"1:x"], [f"{{{tag}}}:bucket"], PolicySet([RatePolicy("key", quota)])
    )
    server_clock()
    connection.send("ready")
    connection.recv()
    began, admitted, calls = server_clock(), 0, 0
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        admitted += call.run()[0]
        calls += 1
    connection.send({"admitted": admitted, "calls": calls, "began": began, "ended": server_clock()})
