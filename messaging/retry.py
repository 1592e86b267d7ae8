"""When a message is tried again, and when its price is asked for again."""

from core.background.retry import RetryClock

# After a temporary failure: 11 tries over 21 h 52 m 30 s.
CLOCK = RetryClock.of_seconds(
    30, 120, 300, 900, 1800, 3600, 2 * 3600, 3 * 3600, 6 * 3600, 9 * 3600, jitter=0.1
)
# What an SMS cost, which providers know only minutes to a day after the sending: nine questions over about three days.
PRICE_CLOCK = RetryClock.of_seconds(
    600, 1800, 3600, 3 * 3600, 6 * 3600, 12 * 3600, 24 * 3600, 24 * 3600, jitter=0.1
)
