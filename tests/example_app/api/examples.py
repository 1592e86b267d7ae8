"""What examples of bookings show in the OpenAPI document (core.api.examples)."""

from core.api.examples import MOMENT, public_id

EXAMPLES = {
    "Booking.title": "A table by the window",
    "Booking.reference": "B-4711",
    "Booking.starts_at": MOMENT,
    "Booking.guests": 4,
    "Booking.customer": public_id("cus"),
    "Booking.details": {"seat": "window"},
    "Booking.paid_until": "2026-01-31",
    "Booking.confirmed_at": None,
}
