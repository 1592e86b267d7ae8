"""What happens to bookings (public: webhooks carry it)."""

from typing import ClassVar

from core.events import Event


class BookingCreated(Event):
    """A booking was created."""

    type: ClassVar[str] = "booking.created"
    sentence: ClassVar[str] = "created booking {target}"


class BookingUpdated(Event):
    """A booking was changed."""

    type: ClassVar[str] = "booking.updated"
    sentence: ClassVar[str] = "changed booking {target}"


class BookingDeleted(Event):
    """A booking was deleted."""

    type: ClassVar[str] = "booking.deleted"
    sentence: ClassVar[str] = "deleted booking {target}"


class BookingConfirmed(Event):
    """A booking was confirmed."""

    type: ClassVar[str] = "booking.confirmed"
    sentence: ClassVar[str] = "confirmed booking {target}"
