"""Log lines that any stranger can cause: few of each kind, so that nobody fills a disk with them."""

import threading
import time

EVERY_SECONDS = 60.0


class LogRateLimiter:
    """Lets a process log one line of a kind, and then none for EVERY_SECONDS; the next one says how many were left out.

    Kinds are names in our code, never what a request says: they are remembered.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kinds: dict[str, tuple[float, int]] = {}

    def count(self, kind: str) -> int | None:
        """Return how many of the kind were left out before this one; None when this one is to be left out too."""
        now = time.monotonic()
        with self._lock:
            until, left_out = self._kinds.get(kind, (now, 0))
            if now < until:
                self._kinds[kind] = (until, left_out + 1)
                return None
            self._kinds[kind] = (now + EVERY_SECONDS, 0)
            return left_out
