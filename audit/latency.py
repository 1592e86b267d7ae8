"""Latency histograms and aggregated usage."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from audit import outcomes
from core.values import ids
from core.values.latency import LatencyScale

# Bounds a factor of √2 apart: a percentile read from them is at most 19 %
# off, whatever the distribution.
LATENCY = LatencyScale(tuple(round(0.5 * 2 ** (step / 2), 4) for step in range(31)))


@dataclass(slots=True)
class RequestUsage:
    """Usage in one time step, or of one key, route, status or address.

    `latency` counts requests by bucket, `outcomes` by outcome (audit.outcomes).
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
        """The key's Client ID; empty if this is not a key's usage."""
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
        """The number of successful requests."""
        return self.requests - self.client_errors - self.server_errors

    def percentile(self, share: float) -> float | None:
        """Return the percentile `share` of the latency in milliseconds; None without requests.

        Exact to the width of a bucket: within 19 % on either side.
        """
        return LATENCY.percentile(self.latency, share)


def every_step(
    found: Mapping[datetime, RequestUsage], *, since: datetime, until: datetime, step: timedelta
) -> list[RequestUsage]:
    """Return the usage of every step from `since` to `until`, oldest first; steps that were not found are empty."""
    steps, start = [], since
    while start < until:
        steps.append(found.get(start) or RequestUsage(start=start))
        start += step
    return steps
