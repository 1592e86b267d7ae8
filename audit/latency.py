"""Latencies counted in buckets, and what a number of requests adds up to."""

import uuid
from dataclasses import dataclass, field
from datetime import datetime

from core import ids

# Upper bounds of the latency buckets in milliseconds, a factor of √2 apart: a percentile read from them is at most 19 %
# off, whatever the distribution. The last bucket has no upper bound.
LATENCY_BOUNDS_MS = tuple(round(0.5 * 2 ** (step / 2), 4) for step in range(31))
LATENCY_BUCKETS = len(LATENCY_BOUNDS_MS) + 1


@dataclass(slots=True)
class Usage:
    """What happened in one step of time, or for one key or route. `latency` counts requests by bucket."""

    start: datetime | None = None
    key: uuid.UUID | None = None
    key_name: str = ""
    route: str = ""
    requests: int = 0
    client_errors: int = 0
    server_errors: int = 0
    refused: int = 0
    response_bytes: int = 0
    latency: list[int] = field(default_factory=lambda: [0] * LATENCY_BUCKETS)

    @property
    def client_id(self) -> str:
        """The key as people know it; empty when this is no key's usage."""
        return ids.encode("key", self.key) if self.key is not None else ""

    @property
    def median_ms(self) -> float | None:
        """Half of the requests were answered within this time."""
        return self.percentile(0.5)

    @property
    def p95_ms(self) -> float | None:
        """95 of 100 requests were answered within this time."""
        return self.percentile(0.95)

    def percentile(self, share: float) -> float | None:
        """Return the latency in milliseconds below which `share` of the requests lie; None without requests.

        Exact to the width of a bucket: within 19 % on either side.
        """
        wanted, seen = share * sum(self.latency), 0.0
        if not wanted:
            return None
        for bucket, count in enumerate(self.latency):
            if count and seen + count >= wanted:
                if bucket >= len(LATENCY_BOUNDS_MS):
                    return LATENCY_BOUNDS_MS[-1]
                lower = LATENCY_BOUNDS_MS[bucket - 1] if bucket else 0.0
                return round(lower + (LATENCY_BOUNDS_MS[bucket] - lower) * (wanted - seen) / count, 3)
            seen += count
        return LATENCY_BOUNDS_MS[-1]
