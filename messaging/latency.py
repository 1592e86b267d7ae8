"""Message latencies on a logarithmic scale: bucket `n` ends at 2^((n+1)/4) milliseconds, the last at 24 days."""

from collections.abc import Mapping

from core.values.latency import LatencyScale

SCALE = LatencyScale(tuple(2 ** ((step + 1) / 4) for step in range(127)))


def percentile(counts: Mapping[int, int], share: float) -> float | None:
    """Return the latency in milliseconds that a `share` (0 to 1) of those counted by bucket do not exceed; None without data."""
    return SCALE.percentile([counts.get(bucket, 0) for bucket in range(SCALE.buckets)], share)
