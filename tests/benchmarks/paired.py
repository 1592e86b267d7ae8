"""What a series of paired measurements says, on a machine that does other things besides."""

import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

DRAWS = 2000


@dataclass(frozen=True, slots=True)
class Estimate:
    """A median, and the bounds between which it lies with 95 % of certainty."""

    value: float
    low: float
    high: float


def estimate(values: Sequence[float]) -> Estimate:
    """Return the median of `values` and its interval, by the percentile bootstrap (Efron, 1979). The same for the same values."""
    dice = random.Random(0)
    drawn = sorted(statistics.median(dice.choices(values, k=len(values))) for _ in range(DRAWS))
    return Estimate(statistics.median(values), drawn[DRAWS * 25 // 1000], drawn[DRAWS * 975 // 1000 - 1])
