"""The retry schedule: how long to wait after each failed attempt. Pure arithmetic; each app defines its own numbers."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import timedelta

_UNITS = ((timedelta(days=1), "day"), (timedelta(hours=1), "hour"), (timedelta(minutes=1), "minute"))


@dataclass(frozen=True)
class RetryClock:
    """A retry schedule: `waits` after the first attempt, the second, and so on. One final attempt follows the last wait.

    Up to `jitter` (a fraction of the wait) is added, never subtracted, so that no retry comes early and attempts that failed
    together are not retried together.
    """

    waits: tuple[timedelta, ...]
    jitter: float = 0.0

    @classmethod
    def of_seconds(cls, *seconds: float, jitter: float = 0.0) -> RetryClock:
        """Return the schedule with these waits."""
        return cls(tuple(timedelta(seconds=each) for each in seconds), jitter)

    @property
    def attempts(self) -> int:
        """The total number of attempts."""
        return len(self.waits) + 1

    @property
    def duration_in_words(self) -> str:
        """How long attempts go on, rounded, for people: "3 days"."""
        total = sum(self.waits, timedelta(0))
        unit, name = next((unit, name) for unit, name in _UNITS if total >= 2 * unit or name == "minute")
        count = round(total / unit)
        return f"{count} {name}{'s' if count != 1 else ''}"

    def is_over(self, attempts_made: int) -> bool:
        """Return whether no attempt is left after `attempts_made`."""
        return attempts_made >= self.attempts

    def wait_after(self, attempts_made: int, *, chance: float | None = None) -> timedelta | None:
        """Return how long to wait after `attempts_made` failed attempts, or None after the last.

        `chance` in [0, 1] replaces the random number. Raises ValueError before the first attempt.
        """
        if attempts_made < 1:
            raise ValueError("There is a wait only after a first try.")
        if self.is_over(attempts_made):
            return None
        return self.waits[attempts_made - 1] * self.factor(chance)

    def factor(self, chance: float | None = None) -> float:
        """Return the factor to multiply a wait by: from 1 to 1 + `jitter`."""
        if chance is None:
            chance = random.random()  # noqa: S311  not a secret
        return 1 + self.jitter * min(max(chance, 0.0), 1.0)
