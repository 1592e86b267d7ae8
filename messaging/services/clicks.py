"""How often one address may open or send links of bulk mail."""

from core.api.throttling import RatePolicy
from core.api.visits import VisitLimit

# Mailbox providers send the clicks of many people from few addresses.
CLICKS = RatePolicy("unsubscribe", 120)
_limit = VisitLimit(CLICKS)


def count_click(ip: str) -> int | None:
    """Count a request from `ip`; None when it may go on, else the seconds after which to come back."""
    return _limit.count(ip)
