"""Messaging's own rate-limit policy."""

from core.api.throttles import TierThrottle


class MessagesThrottle(TierThrottle):
    """Limits send requests, across all keys of a company and mode, more than other requests (docs/architecture.md, Limits)."""

    policy = "messages"
    limit = "messages_per_minute"
    methods = frozenset({"POST"})
