"""Reads of bookings, all inside the current tenant."""

from django.db.models import QuerySet

from tests.example_app.models import Booking


def list_bookings() -> QuerySet[Booking]:
    """Return the bookings that are not deleted."""
    return Booking.objects.filter(deleted_at=None)


def get_booking(public_id: str) -> Booking:
    """Return the booking; raises NotFound when it is missing, deleted or foreign."""
    return Booking.by_public_id(public_id, among=list_bookings())
