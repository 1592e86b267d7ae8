"""The policy of confirmations: a class that names itself and the tier's number that fills it (docs/architecture.md, Limits)."""

from core.api.throttles import TierThrottle


class ConfirmThrottle(TierThrottle):
    """As many confirmations a minute as calls to send, shared by all keys of a company and mode."""

    policy = "confirmations"
    limit = "messages_per_minute"
