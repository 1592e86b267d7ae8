"""A process that takes tokens from a bucket as fast as possible until a deadline, and prints how many it got.

Arguments: company hex, bucket name, quota, seconds. Prints `ready`, waits for a line on stdin, then prints one JSON
object: admitted calls, and the server's clock (microseconds) before the first and after the last call.
"""

import json
import os
import sys
import time

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.test")

from core.api.throttling import PolicySet, RatePolicy, prepare_take
from core.valkey import commands


def server_clock() -> int:
    """The clock the buckets run on."""
    seconds, microseconds = commands.client().time()
    return int(seconds) * 1_000_000 + int(microseconds)


def main() -> None:
    """Take until the deadline."""
    tag, bucket, quota, seconds = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
    fences = [f"{{{tag}}}:a", f"{{{tag}}}:b"]
    call = prepare_take(
        fences, [b"1:x", b"1:x"], [f"{{{tag}}}:{bucket}"], PolicySet([RatePolicy("key", quota)])
    )
    server_clock()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    began, admitted, calls = server_clock(), 0, 0
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        admitted += call.run()[0]
        calls += 1
    json.dump({"admitted": admitted, "calls": calls, "began": began, "ended": server_clock()}, sys.stdout)


if __name__ == "__main__":
    main()
