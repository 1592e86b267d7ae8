"""Reads of bookings, all inside the current tenant."""

from django.db.models import QuerySet

from core.errors import NotFound
from core.values import ids
from tests.example_app.models import Booking


def list_bookings() -> QuerySet[Booking]:
    """Return the bookings that are not deleted."""
    return Booking.objects.filter(deleted_at=None)


def get_booking(public_id: str) -> Booking:
    """Return the booking; raises NotFound when it is missing, deleted or foreign."""
    try:
        return list_bookings().get(id=ids.decode("bkg", public_id))
    except (ids.InvalidId, Booking.DoesNotExist) as error:
        raise NotFound from error
