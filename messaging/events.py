"""What happens to messages (public: webhooks carry it) and to the suppression list (audit trail only)."""

from dataclasses import dataclass
from typing import ClassVar

from core.events import Event


@dataclass(frozen=True, kw_only=True)
class MessageQueued(Event):
    """A message was accepted, to be sent at once or at its `send_at`."""

    type: ClassVar[str] = "message.queued"


@dataclass(frozen=True, kw_only=True)
class MessageSent(Event):
    """The provider took the message for one or more of its recipients."""

    type: ClassVar[str] = "message.sent"


@dataclass(frozen=True, kw_only=True)
class MessageDelivered(Event):
    """The message arrived at one or more of its recipients."""

    type: ClassVar[str] = "message.delivered"


@dataclass(frozen=True, kw_only=True)
class MessageBounced(Event):
    """The address of one or more recipients refused the message for good."""

    type: ClassVar[str] = "message.bounced"


@dataclass(frozen=True, kw_only=True)
class MessageComplained(Event):
    """A recipient reported the message as unwanted."""

    type: ClassVar[str] = "message.complained"


@dataclass(frozen=True, kw_only=True)
class MessageFailed(Event):
    """The message cannot be sent to one or more of its recipients."""

    type: ClassVar[str] = "message.failed"


@dataclass(frozen=True, kw_only=True)
class MessageSuppressed(Event):
    """One or more recipients are on the suppression list; nothing was sent to them."""

    type: ClassVar[str] = "message.suppressed"


@dataclass(frozen=True, kw_only=True)
class MessageCanceled(Event):
    """A message was canceled before it was sent."""

    type: ClassVar[str] = "message.canceled"


@dataclass(frozen=True, kw_only=True)
class SuppressionCreated(Event):
    """An address was put on the suppression list."""

    type: ClassVar[str] = "suppression.created"
    public: ClassVar[bool] = False


@dataclass(frozen=True, kw_only=True)
class SuppressionDeleted(Event):
    """An address was taken off the suppression list."""

    type: ClassVar[str] = "suppression.deleted"
    public: ClassVar[bool] = False


BY_STATUS: dict[str, type[Event]] = {
    "queued": MessageQueued,
    "sent": MessageSent,
    "delivered": MessageDelivered,
    "bounced": MessageBounced,
    "complained": MessageComplained,
    "failed": MessageFailed,
    "suppressed": MessageSuppressed,
    "canceled": MessageCanceled,
}
