"""The retry schedule: never early, a fixed number of attempts, and none after the last."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.background.retry import RetryClock

WAITS = st.lists(st.timedeltas(timedelta(seconds=1), timedelta(days=30)), min_size=1, max_size=12)


@given(WAITS, st.floats(0, 1), st.data())
def test_wait_is_never_early_and_exceeds_the_schedule_by_at_most_the_jitter(
    waits: Any, jitter: Any, data: Any
) -> None:
    clock = RetryClock(tuple(waits), jitter)
    made = data.draw(st.integers(1, len(waits)))

    for chance in (None, 0.0, 1.0, data.draw(st.floats(-1, 2))):
        wait = clock.wait_after(made, chance=chance)
        assert wait is not None
        assert waits[made - 1] <= wait <= waits[made - 1] * (1 + jitter) + timedelta(microseconds=1)


@given(WAITS, st.integers(0, 100))
def test_no_wait_follows_the_last_attempt(waits: Any, more: Any) -> None:
    clock = RetryClock(tuple(waits))

    assert clock.attempts == len(waits) + 1
    assert clock.wait_after(clock.attempts - 1) == waits[-1]
    assert clock.wait_after(clock.attempts + more) is None


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (90, "2 minutes"),
        (60, "1 minute"),
        (3 * 3600, "3 hours"),
        (47 * 3600, "47 hours"),
        (75 * 3600, "3 days"),
    ],
)
def test_how_long_attempts_go_on_in_words(seconds: int, words: str) -> None:
    assert RetryClock.of_seconds(seconds - 30, 30).duration_in_words == words


@pytest.mark.parametrize("made", [0, -1])
def test_no_wait_precedes_the_first_attempt(made: int) -> None:
    with pytest.raises(ValueError):
        RetryClock.of_seconds(1).wait_after(made)
