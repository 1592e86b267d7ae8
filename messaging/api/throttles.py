"""Messaging's own rate-limit policy."""

from core.api.throttles import TierThrottle


class MessagesThrottle(TierThrottle):
    """Calls to send, of all keys of a company and mode: fewer than its other requests (docs/architecture.md, Limits)."""

    policy = "messages"
    limit = "messages_per_minute"
    methods = frozenset({"POST"})
