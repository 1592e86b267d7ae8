"""The retry schedule of payments without an outcome. After the last attempt the order is abandoned, which settles it."""

from core.background.retry import RetryClock

CLOCK = RetryClock.of_seconds(2, 10, 30, 120, 300)
