"""When a message is tried again after a temporary failure. Pure arithmetic."""

import random
from datetime import timedelta

# After the first try, the second, and so on; 11 tries over 21 h 52 m 30 s.
_DELAYS = (30, 120, 300, 900, 1800, 3600, 2 * 3600, 3 * 3600, 6 * 3600, 9 * 3600)
BACK_OFF = tuple(timedelta(seconds=seconds) for seconds in _DELAYS)
MAX_ATTEMPTS = len(BACK_OFF) + 1
JITTER = 0.1


def delay_after(attempt: int, *, dice: float | None = None) -> timedelta | None:
    """Return how long to wait after try number `attempt` (from 1), or None when it was the last.

    Up to 10 % is added, never taken away, so that what failed together does not come back together. `dice` in [0, 1)
    replaces chance in tests.
    """
    if attempt > len(BACK_OFF):
        return None
    chance = random.random() if dice is None else dice  # noqa: S311  not a secret
    return BACK_OFF[attempt - 1] * (1 + JITTER * chance)
