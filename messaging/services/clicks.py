"""How often one address may open or send links of bulk mail."""

from core.addresses import client_group
from core.api.throttling import LocalBuckets, Policy, take_one
from core.valkey import ValkeyUnavailable

# Mailbox providers send the clicks of many people from few addresses.
CLICKS = Policy("unsubscribe", 120)
_local = LocalBuckets()


def count_click(ip: str) -> int | None:
    """Count a request from `ip`; None when it may go on, else the seconds after which to come back."""
    bucket = f"unsubscribe:{client_group(ip)}"
    try:
        admitted, used = take_one(bucket, CLICKS)
    except ValkeyUnavailable:
        admitted, (used,), _ = _local.take({bucket: CLICKS})
    return None if admitted else CLICKS.retry_after(used)
