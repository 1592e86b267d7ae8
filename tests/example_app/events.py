"""What happens to bookings (public: webhooks carry it)."""

from dataclasses import dataclass
from typing import ClassVar

from core.events import Event


@dataclass(frozen=True, kw_only=True)
class BookingCreated(Event):
    """A booking was created."""

    type: ClassVar[str] = "booking.created"
    sentence: ClassVar[str] = "created booking {target}"


@dataclass(frozen=True, kw_only=True)
class BookingUpdated(Event):
    """A booking was changed."""

    type: ClassVar[str] = "booking.updated"
    sentence: ClassVar[str] = "changed booking {target}"


@dataclass(frozen=True, kw_only=True)
class BookingDeleted(Event):
    """A booking was deleted."""

    type: ClassVar[str] = "booking.deleted"
    sentence: ClassVar[str] = "deleted booking {target}"


@dataclass(frozen=True, kw_only=True)
class BookingConfirmed(Event):
    """A booking was confirmed."""

    type: ClassVar[str] = "booking.confirmed"
    sentence: ClassVar[str] = "confirmed booking {target}"
