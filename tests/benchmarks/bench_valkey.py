"""The cost of a script call to Valkey: with a per-thread connection, and with redis-py's pooled client.

    python -m tests.benchmarks.bench_valkey [--calls=N]

Measures the CPU time of this process, using the Valkey of a stage. Both sides run in the same process.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable

from tests.benchmarks.stage import stage


def main() -> None:
    """Measure and print both, and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=20_000, help="calls of each round")
    options = parser.parse_args()
    with stage() as scene:
        os.environ.update(scene.environment("postgres"))
        from core.valkey import commands

        script = commands.Script("return {1, 2, 'three'}")
        own = script.prepare(["{company}:bucket"], ["5", "6", "7"])
        own.run()  # loads the script

        def pooled() -> object:
            return commands.client().execute_command(
                "EVALSHA", script.sha, 1, "{company}:bucket", "5", "6", "7"
            )

        rounds = [(cost(own.run, options.calls), cost(pooled, options.calls)) for _ in range(5)]
    mine, theirs = (statistics.median(side) for side in zip(*rounds, strict=True))
    print(f"a thread's own connection  {mine:5.1f} µs a call")
    print(f"the pooled client          {theirs:5.1f} µs a call")
    print(f"ratio                      {theirs / mine:5.2f} x")


def cost(call: Callable[[], object], times: int) -> float:
    """Return the processor time of one call, in microseconds."""
    began = time.thread_time()
    for _ in range(times):
        call()
    return (time.thread_time() - began) / times * 1e6


if __name__ == "__main__":
    main()
