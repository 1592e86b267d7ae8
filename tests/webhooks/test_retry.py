"""The retry schedule is never early, ends after its last attempt, and honors Retry-After within limits."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhooks import retry

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
JITTER = st.floats(0, 1)
AFTER = st.none() | st.timedeltas(timedelta(0), timedelta(days=3650))


def test_each_attempt_but_the_last_is_followed_by_its_wait() -> None:
    # What the waits are is compared with the documentation (tests/contracts/test_documented_facts.py).
    assert [
        retry.next_attempt_at(made, NOW, jitter=0) - NOW
        if retry.next_attempt_at(made, NOW, jitter=0)
        else None
        for made in range(1, retry.CLOCK.attempts + 1)
    ] == [*retry.CLOCK.waits, None]


@given(st.integers(1, retry.CLOCK.attempts - 1), JITTER, AFTER)
def test_attempt_is_never_early_and_at_most_a_fifth_late(made: Any, jitter: Any, after: Any) -> None:
    due = retry.next_attempt_at(made, NOW, jitter=jitter, retry_after=after)

    promised = max(retry.CLOCK.waits[made - 1], min(after or timedelta(0), timedelta(hours=10)))
    assert promised <= due - NOW <= promised * 1.2 + timedelta(microseconds=1)


@given(st.integers(1, retry.CLOCK.attempts - 1), JITTER, st.timedeltas(timedelta(0), timedelta(days=3650)))
def test_retry_after_is_capped_at_ten_hours(made: Any, jitter: Any, after: Any) -> None:
    asked = retry.next_attempt_at(made, NOW, jitter=jitter, retry_after=after)
    unasked = retry.next_attempt_at(made, NOW, jitter=jitter)
    assert asked <= max(unasked, NOW + timedelta(hours=10))


@given(st.integers(retry.CLOCK.attempts, 1000), JITTER, AFTER)
def test_no_attempt_follows_the_last_one(made: Any, jitter: Any, after: Any) -> None:
    assert retry.next_attempt_at(made, NOW, jitter=jitter, retry_after=after) is None


@given(st.integers(-5, 0))
def test_invalid_attempt_count_raises(made: Any) -> None:
    with pytest.raises(ValueError):
        retry.next_attempt_at(made, NOW, jitter=0)


@pytest.mark.parametrize(
    ("value", "status", "expected"),
    [
        ("120", 429, timedelta(seconds=120)),
        (" 0 ", 503, timedelta(0)),
        ("120", 500, None),
        ("120", 200, None),
        (None, 429, None),
        ("", 429, None),
        ("-1", 429, None),
        ("1e9", 429, None),
        ("٣", 429, None),
        ("000120", 429, timedelta(seconds=120)),
        ("999999999", 429, timedelta(hours=10)),
        ("9999999999", 429, timedelta(hours=10)),
        ("9" * 5_000, 429, timedelta(hours=10)),
        ("soon", 429, None),
        (format_datetime(NOW + timedelta(minutes=3), usegmt=True), 503, timedelta(minutes=3)),
        (format_datetime(NOW - timedelta(minutes=3), usegmt=True), 503, timedelta(0)),
        ("Sun, 99 Foo 2026 12:00:00 GMT", 503, None),
        ("Sun, 01 Mar 2026 12:03:00", 503, timedelta(minutes=3)),
        ("Sun Mar  1 12:03:00 2026", 503, timedelta(minutes=3)),
        ("Sunday, 01-Mar-26 12:03:00 GMT", 503, timedelta(minutes=3)),
        ("Sun, 01 Mar 2099 12:00:00 GMT", 503, timedelta(hours=10)),
    ],
)
def test_retry_after_is_read_in_every_form_and_within_bounds(value: Any, status: int, expected: Any) -> None:
    assert retry.parse_retry_after(value, status, NOW) == expected


@given(st.text(max_size=60))
def test_invalid_retry_after_is_ignored(value: Any) -> None:
    asked = retry.parse_retry_after(value, 429, NOW)
    assert asked is None or asked >= timedelta(0)
    assert retry.next_attempt_at(1, NOW, jitter=1, retry_after=asked) is not None


@pytest.mark.parametrize(
    ("failing_days", "success_days", "expected"),
    [
        (None, None, False),
        (0.4, None, False),
        (0.4, 30, False),
        (4.9, None, False),
        (5, None, True),
        (6, 7, True),
        (6, 4, False),
    ],
)
def test_endpoint_is_disabled_after_five_days_without_success(
    failing_days: float | int | None, success_days: int | None, expected: bool
) -> None:
    since = None if failing_days is None else NOW - timedelta(days=failing_days)
    success = None if success_days is None else NOW - timedelta(days=success_days)

    assert retry.should_disable(failing_since=since, last_success_at=success, now=NOW) is expected
