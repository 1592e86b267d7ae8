"""Waits for what another thread or process does: the one loop for it, with patience for a busy machine."""

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")

PATIENCE_SECONDS = 60


def wait_until(
    happened: Callable[[], Found],
    missing: str | Callable[[], object] = "it did not happen",
    *,
    seconds: float = PATIENCE_SECONDS,
    every: float = 0.02,
) -> Found:
    """Call `happened` until it returns something true, and return that.

    Raises AssertionError with `missing` when `seconds` have passed. What can no longer happen is best said by an assertion in `happened`.
    """
    deadline = time.monotonic() + seconds
    while not (found := happened()):
        if time.monotonic() > deadline:
            raise AssertionError(missing if isinstance(missing, str) else missing())
        time.sleep(every)
    return found
