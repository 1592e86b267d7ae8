"""When a message is tried again after a temporary failure: 11 tries over 21 h 52 m 30 s."""

from core.background.retry import RetryClock

CLOCK = RetryClock.of_seconds(
    30, 120, 300, 900, 1800, 3600, 2 * 3600, 3 * 3600, 6 * 3600, 9 * 3600, jitter=0.1
)
