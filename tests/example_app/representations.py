"""How bookings look to the outside: in API answers and in events alike (docs/architecture.md, Contracts)."""

from typing import Any

from core.clock import rfc3339
from core.values import ids
from tests.example_app.models import Booking


def booking(row: Booking) -> dict[str, Any]:
    """Return the public form of a booking."""
    return {
        "id": row.public_id,
        "object": "booking",
        "mode": row.mode,
        "title": row.title,
        "reference": row.reference,
        "starts_at": rfc3339(row.starts_at),
        "guests": row.guests,
        "customer": ids.encode("cus", row.customer_id),
        "details": row.details,
        "paid_until": row.paid_until.isoformat() if row.paid_until is not None else None,
        "confirmed_at": rfc3339(row.confirmed_at) if row.confirmed_at is not None else None,
        "created": rfc3339(row.created),
        "updated": rfc3339(row.updated),
    }
