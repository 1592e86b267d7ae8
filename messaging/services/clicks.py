"""Rate limits per address for the unsubscribe links of bulk mail."""

from core.api.throttling import RatePolicy
from core.api.visits import VisitLimit

# Mailbox providers proxy the clicks of many people through few addresses.
CLICKS = RatePolicy("unsubscribe", 120)
_limit = VisitLimit(CLICKS)


def count_click(ip: str) -> int | None:
    """Count a request from `ip`; return None if it is allowed, otherwise the seconds to wait."""
    return _limit.count(ip)
