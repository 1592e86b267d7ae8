"""Percentiles from buckets match the sorted list, within a bucket's width."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.latency import LATENCY as REQUESTS
from core.values.latency import LatencyScale
from messaging.latency import SCALE as MESSAGES
from messaging.latency import percentile
from webhooks.models import LATENCY as DELIVERIES

SCALES = pytest.mark.parametrize(
    "scale", [REQUESTS, MESSAGES, DELIVERIES], ids=["requests", "messages", "deliveries"]
)
MILLISECONDS = st.floats(min_value=0, max_value=2**40)


@SCALES
@given(values=st.lists(MILLISECONDS, min_size=1), share=st.floats(0.01, 1))
def test_percentile_falls_in_the_bucket_of_its_value(
    scale: LatencyScale, values: list[float], share: float
) -> None:
    counts = scale.empty()
    for value in values:
        counts[scale.bucket_of(value)] += 1
    rank = max(1, -int(-share * len(values) // 1))
    bucket = scale.bucket_of(sorted(values)[rank - 1])

    read = scale.percentile(counts, share)

    assert read is not None
    lower = scale.bounds[bucket - 1] if bucket else 0.0
    upper = scale.bounds[min(bucket, len(scale.bounds) - 1)]
    assert lower - 0.001 <= read <= upper + 0.001


@SCALES
@given(values=st.lists(MILLISECONDS))
def test_buckets_keep_the_order_of_latencies_and_there_is_one_for_each(
    scale: LatencyScale, values: list[float]
) -> None:
    buckets = [scale.bucket_of(value) for value in sorted(values)]

    assert buckets == sorted(buckets)
    assert all(0 <= bucket < scale.buckets for bucket in buckets)


@SCALES
def test_percentile_of_nothing_is_none(scale: LatencyScale) -> None:
    assert scale.percentile(scale.empty(), 0.5) is None


def test_percentiles_by_bucket_match_the_full_list() -> None:
    counts = MESSAGES.empty()
    counts[8], counts[40] = 3, 1

    assert percentile({8: 3, 40: 1}, 0.5) == MESSAGES.percentile(counts, 0.5)
