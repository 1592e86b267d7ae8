"""The retry schedules of messages and of price queries."""

from core.background.retry import RetryClock

# After a temporary failure, for not quite a day.
CLOCK = RetryClock.of_seconds(
    30, 120, 300, 900, 1800, 3600, 2 * 3600, 3 * 3600, 6 * 3600, 9 * 3600, jitter=0.1
)
# Providers know the price of an SMS minutes to a day after sending: nine queries over about three days.
PRICE_CLOCK = RetryClock.of_seconds(
    600, 1800, 3600, 3 * 3600, 6 * 3600, 12 * 3600, 24 * 3600, 24 * 3600, jitter=0.1
)
