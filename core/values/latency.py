"""Latency histograms with fixed buckets, so that hours can be summed and percentiles computed from the sum."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class LatencyScale:
    """Ascending upper bounds of the buckets in milliseconds. A last bucket holds everything above them."""

    bounds: tuple[float, ...]

    @property
    def buckets(self) -> int:
        """The number of buckets."""
        return len(self.bounds) + 1

    def empty(self) -> list[int]:
        """Return empty counts."""
        return [0] * self.buckets

    def bucket_of(self, milliseconds: float) -> int:
        """Return the index of a latency's bucket, from 0. Upper bounds are inclusive."""
        return bisect_left(self.bounds, milliseconds)

    def percentile(self, counts: Sequence[int], share: float) -> float | None:
        """Return the percentile `share` (0 to 1) in milliseconds, or None without any counts.

        Interpolated, so accurate to the width of a bucket. Latencies above the last bound count as that bound.
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
    """Format a duration for people: 4.2 ms, 120 ms, 1.35 s."""
    if value >= 1000:
        return f"{value / 1000:.2f} s"
    return f"{value:.0f} ms" if value >= 100 else f"{value:.1f} ms"
