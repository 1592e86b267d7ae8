"""Latencies counted in buckets, and what a number of requests adds up to."""

import uuid
from dataclasses import dataclass, field
from datetime import datetime

from audit import outcomes
from core.values import ids
from core.values.latency import LatencyScale

# Bounds a factor of √2 apart: a percentile read from them is at most 19 %
# off, whatever the distribution.
LATENCY = LatencyScale(tuple(round(0.5 * 2 ** (step / 2), 4) for step in range(31)))


@dataclass(slots=True)
class RequestUsage:
    """What happened in one step of time, or for one key, route, status or address.

    `latency` counts requests by bucket, `outcomes` by what became of them (audit.outcomes).
    """

    start: datetime | None = None
    key: uuid.UUID | None = None
    key_name: str = ""
    route: str = ""
    value: str = ""
    name: str = ""
    requests: int = 0
    client_errors: int = 0
    server_errors: int = 0
    refused: int = 0
    response_bytes: int = 0
    latency: list[int] = field(default_factory=LATENCY.empty)
    outcomes: list[int] = field(default_factory=outcomes.empty)

    @property
    def client_id(self) -> str:
        """The key as people know it; empty when this is no key's usage."""
        return ids.encode("key", self.key) if self.key is not None else ""

    @property
    def median_ms(self) -> float | None:
        """The median, in milliseconds."""
        return self.percentile(0.5)

    @property
    def p95_ms(self) -> float | None:
        """The 95th percentile, in milliseconds."""
        return self.percentile(0.95)

    @property
    def p99_ms(self) -> float | None:
        """The 99th percentile, in milliseconds."""
        return self.percentile(0.99)

    @property
    def successful(self) -> int:
        """How many requests had no error."""
        return self.requests - self.client_errors - self.server_errors

    def percentile(self, share: float) -> float | None:
        """Return the latency in milliseconds below which `share` of the requests lie; None without requests.

        Exact to the width of a bucket: within 19 % on either side.
        """
        return LATENCY.percentile(self.latency, share)
