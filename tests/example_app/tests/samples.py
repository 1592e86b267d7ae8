"""How to make what the operations and pages of bookings need."""

import secrets
from collections.abc import Callable
from typing import Any

from core.tenancy import Tenant, tenant_context
from tests.contracts.by_app import Body, no_body, sample_object
from tests.example_app.api.serializers import BookingInput
from tests.example_app.services import create_booking
from tests.factories import SYSTEM


def booking_fields(tenant: Tenant) -> dict[str, Any]:
    """Return the fields of a booking that no other has."""
    tag = secrets.token_hex(4)
    number = secrets.randbelow(1_000_000_000)
    return {
        "title": f"Example {tag}",
        "reference": f"Example {tag}",
        "starts_at": "2026-01-31T12:00:00.000000Z",
        "guests": number,
        "customer": sample_object("customers", tenant),
        "details": {"colour": "green"},
        "paid_until": "2026-01-31",
    }


def make_booking(tenant: Tenant) -> str:
    """Return the id of a new booking."""
    with tenant_context(tenant):
        fields = BookingInput().run_validation(booking_fields(tenant))
        return create_booking(actor=SYSTEM, **fields).public_id


OBJECTS: dict[str, Callable[[Tenant], str]] = {"bookings": make_booking}

BODIES: dict[str, Callable[[Tenant], Body]] = {
    "POST /v1/bookings": booking_fields,
    "PATCH /v1/bookings/<str:id>": lambda tenant: {"title": booking_fields(tenant)["title"]},
    "DELETE /v1/bookings/<str:id>": no_body,
    "POST /v1/bookings/<str:id>/confirm": no_body,
}
