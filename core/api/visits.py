"""How often one address may open pages that need no sign-in: links in mail, invoices behind a link."""

from core.api.throttling import LocalBuckets, RatePolicy, take_one
from core.http.addresses import client_group
from core.valkey.commands import ValkeyUnavailable


class VisitLimit:
    """A number of visits a minute, per client address (IPv6: per /64); without Valkey it is counted in this process."""

    def __init__(self, policy: RatePolicy) -> None:
        self.policy = policy
        self._local = LocalBuckets()

    def count(self, ip: str) -> int | None:
        """Count a visit from `ip`; None when it may go on, else the seconds after which to come back."""
        bucket = f"{self.policy.name}:{client_group(ip)}"
        try:
            admitted, used = take_one(bucket, self.policy)
        except ValkeyUnavailable:
            admitted, (used,), _ = self._local.take({bucket: self.policy})
        return None if admitted else self.policy.retry_after(used)
