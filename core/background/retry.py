"""The retry clock: how long to wait after each try that failed. Pure arithmetic; each app keeps its own numbers."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True)
class RetryClock:
    """`waits` after the first try, the second, and so on; after the last wait one more try is made, and no other.

    Up to `jitter` (a share of the wait) is added, never taken away: nothing comes earlier than promised, and what failed
    together does not come back together.
    """

    waits: tuple[timedelta, ...]
    jitter: float = 0.0

    @classmethod
    def of_seconds(cls, *seconds: float, jitter: float = 0.0) -> RetryClock:
        """Return the clock with these waits."""
        return cls(tuple(timedelta(seconds=each) for each in seconds), jitter)

    @property
    def tries(self) -> int:
        """How many tries there are in all."""
        return len(self.waits) + 1

    def is_over(self, tries_made: int) -> bool:
        """Tell whether `tries_made` tries were all."""
        return tries_made >= self.tries

    def wait_after(self, tries_made: int, *, chance: float | None = None) -> timedelta | None:
        """Return how long to wait after `tries_made` failed tries, or None after the last.

        `chance` in [0, 1] replaces the dice. Raises ValueError before the first try.
        """
        if tries_made < 1:
            raise ValueError("There is a wait only after a first try.")
        if self.is_over(tries_made):
            return None
        return self.waits[tries_made - 1] * self.factor(chance)

    def factor(self, chance: float | None = None) -> float:
        """Return what a wait is multiplied by: from 1 to 1 + `jitter`."""
        if chance is None:
            chance = random.random()  # noqa: S311  not a secret
        return 1 + self.jitter * min(max(chance, 0.0), 1.0)
