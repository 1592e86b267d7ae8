"""Rate-limits log lines that anonymous clients can cause, so that nobody can fill a disk with them."""

import threading
import time

EVERY_SECONDS = 60.0


class LogRateLimiter:
    """Lets a process log one line of each kind per EVERY_SECONDS. The next line says how many were suppressed.

    Kinds are stored, so they must be constants in our code, never text from a request.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kinds: dict[str, tuple[float, int]] = {}

    def count(self, kind: str) -> int | None:
        """Return how many lines of the kind were suppressed before this one, or None if this one must be suppressed too."""
        now = time.monotonic()
        with self._lock:
            until, left_out = self._kinds.get(kind, (now, 0))
            if now < until:
                self._kinds[kind] = (until, left_out + 1)
                return None
            self._kinds[kind] = (now + EVERY_SECONDS, 0)
            return left_out
