"""Rate limits per address for pages without sign-in: links in mail, shared invoices."""

from core.api.throttling import LocalBuckets, RatePolicy, take_one
from core.http.addresses import client_group
from core.valkey.commands import ValkeyUnavailable


class VisitLimit:
    """A limit of visits per minute and client address (IPv6: per /64); counted in-process while Valkey is unreachable."""

    def __init__(self, policy: RatePolicy) -> None:
        self.policy = policy
        self._local = LocalBuckets()

    def count(self, ip: str) -> int | None:
        """Count a visit from `ip`; return None if it is allowed, otherwise the seconds to wait."""
        bucket = f"{self.policy.name}:{client_group(ip)}"
        try:
            admitted, used = take_one(bucket, self.policy)
        except ValkeyUnavailable:
            admitted, (used,), _ = self._local.take({bucket: self.policy})
        return None if admitted else self.policy.retry_after(used)
