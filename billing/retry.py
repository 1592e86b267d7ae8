"""When a payment without an answer is asked for again. After the last try the order is abandoned, which settles it for good."""

from core.background.retry import RetryClock

CLOCK = RetryClock.of_seconds(2, 10, 30, 120, 300)
