"""Latencies as steps of a logarithmic scale, so that percentiles can be added up over hours. Pure arithmetic.

Step `n` holds 2^(n/4) to 2^((n+1)/4) milliseconds; what is read back is the middle of the step, at most 9.1 % off.
"""

import math
from collections.abc import Mapping

STEPS_PER_DOUBLING = 4
MAX_STEP = 127  # above 2^31 ms, which is 24 days


def step_of(milliseconds: float) -> int:
    """Return the step (0 to 127) that a latency falls into; everything up to 1 ms is step 0."""
    if milliseconds <= 1:
        return 0
    return min(MAX_STEP, math.floor(STEPS_PER_DOUBLING * math.log2(milliseconds)))


def milliseconds_of(step: int) -> float:
    """Return the (geometric) middle of a step in milliseconds."""
    return 2 ** ((step + 0.5) / STEPS_PER_DOUBLING)


def percentile(counts: Mapping[int, int], share: float) -> float | None:
    """Return the latency in milliseconds that `share` (0 to 1) of the counted ones do not exceed; None without any."""
    total = sum(counts.values())
    if not total:
        return None
    wanted = max(1, math.ceil(share * total))
    seen = 0
    for step in sorted(counts):
        seen += counts[step]
        if seen >= wanted:
            return milliseconds_of(step)
    raise AssertionError("unreachable: the counts add up to the total")
