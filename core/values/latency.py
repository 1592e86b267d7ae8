"""Latencies counted in buckets, so that hours can be added up and percentiles read from the sum. Pure arithmetic."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class LatencyScale:
    """Upper bounds of buckets in milliseconds, growing; one more bucket holds everything above the last of them."""

    bounds: tuple[float, ...]

    @property
    def buckets(self) -> int:
        """How many buckets there are."""
        return len(self.bounds) + 1

    def empty(self) -> list[int]:
        """Return a count of nothing."""
        return [0] * self.buckets

    def bucket_of(self, milliseconds: float) -> int:
        """Return the bucket, from 0, that a latency falls into; a bound itself belongs to the bucket below it."""
        return bisect_left(self.bounds, milliseconds)

    def percentile(self, counts: Sequence[int], share: float) -> float | None:
        """Return the latency in milliseconds below which `share` (0 to 1) of the counted ones lie; None without any.

        Interpolated, so exact to the width of a bucket. What lies above the last bound counts as that bound.
        """
        wanted, seen, lower = share * sum(counts), 0.0, 0.0
        if not wanted:
            return None
        for count, upper in zip(counts, (*self.bounds, self.bounds[-1]), strict=True):
            if count and seen + count >= wanted:
                return round(lower + (upper - lower) * (wanted - seen) / count, 3)
            seen += count
            lower = upper
        return float(self.bounds[-1])


def milliseconds_text(value: float) -> str:
    """Write a time for people: 4.2 ms, 120 ms, 1.35 s."""
    if value >= 1000:
        return f"{value / 1000:.2f} s"
    return f"{value:.0f} ms" if value >= 100 else f"{value:.1f} ms"
