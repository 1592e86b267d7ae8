"""Test mode: sends nothing, simulates the outcomes of magic recipients, and reports `delivered` for all others."""

from collections.abc import Iterable
from typing import ClassVar

from django.core.checks import CheckMessage

from messaging.channels import get_channel
from messaging.providers.base import Envelope, Result, SendOutcome

# The statuses leading to each outcome, as with a real provider.
_STORIES: dict[str, tuple[SendOutcome, ...]] = {
    "delivered": ("sent", "delivered"),
    "bounced": ("sent", "bounced"),
    "complained": ("sent", "delivered", "complained"),
    "suppressed": ("suppressed",),
    "failed": ("failed",),
}
_REASONS = {
    "bounced": ("bounced", "The test address answers as an address that does not exist."),
    "complained": ("complained", "The test address answers as a person who reports the message."),
    "suppressed": ("suppressed", "The test address answers as one on the suppression list."),
    "failed": ("rejected", "The test address answers as a provider that refuses the message."),
}


class TestMode:
    """The provider for all messages in test mode."""

    name: ClassVar[str] = "testmode"
    __test__ = False

    @staticmethod
    def carries(channel: str) -> bool:
        """Every channel."""
        return True

    @staticmethod
    def check_settings() -> Iterable[CheckMessage]:
        """It has none of its own."""
        return ()

    def send(self, envelope: Envelope) -> list[Result]:
        """Return the complete result for each recipient."""
        channel = get_channel(envelope.channel)
        results = []
        for target in envelope.targets:
            outcome = channel.magic_outcome(target.address.lower()) or "delivered"
            for step in _STORIES[outcome]:
                code, detail = _REASONS.get(step, ("", ""))
                results.append(Result(target.recipient_id, step, code=code, detail=detail))
        return results


PROVIDER = TestMode
