"""Creating, changing and deleting bookings."""

from typing import Any

from django.db import IntegrityError, transaction

from billing.selectors import get_customer
from core import clock
from core.errors import DomainError, FieldError, FieldErrors, NotFound
from core.events import publish
from core.postgres.failures import broken_constraint
from core.principal import Principal
from tests.example_app import representations
from tests.example_app.events import BookingConfirmed, BookingCreated, BookingDeleted, BookingUpdated
from tests.example_app.models import Booking


class BookingReferenceTaken(DomainError):
    """Another booking of this company and mode already has this `reference`."""

    code = "booking_reference_taken"
    status = 409
    title = "This reference is taken"
    fix = "Change the booking that has it, or choose another."


class BookingAlreadyConfirmed(DomainError):
    """A booking is confirmed once."""

    code = "booking_already_confirmed"
    status = 409
    title = "The booking is confirmed already"
    fix = "Nothing has to be done; `confirmed_at` says since when."


_TAKEN: dict[str, type[DomainError]] = {
    "bookings_booking_reference": BookingReferenceTaken,
}


def create_booking(*, actor: Principal, **fields: Any) -> Booking:
    """Create a booking. Raises FieldErrors, BookingReferenceTaken."""
    row = Booking(**_resolved(fields))
    try:
        with transaction.atomic():
            Booking.objects.bulk_create([row])
    except IntegrityError as error:
        _refuse_taken(error)
        raise
    publish(BookingCreated(object_id=row.public_id, object=representations.booking(row)), actor=actor)
    return row


def update_booking(*, booking: Booking, actor: Principal, **fields: Any) -> Booking:
    """Change the given fields. Raises FieldErrors, BookingReferenceTaken, NotFound."""
    row = _lock(booking)
    before = representations.booking(row)
    for name, value in _resolved(fields).items():
        setattr(row, name, value)
    after = representations.booking(row)
    changes = {name: [before[name], after[name]] for name in before if before[name] != after[name]}
    if not changes:
        return row
    row.updated = clock.now()
    try:
        with transaction.atomic():
            row.save(update_fields=[*changes, "updated"])
    except IntegrityError as error:
        _refuse_taken(error)
        raise
    publish(
        BookingUpdated(object_id=row.public_id, object=representations.booking(row), changes=changes),
        actor=actor,
    )
    return row


def delete_booking(*, booking: Booking, actor: Principal) -> None:
    """Delete a booking; what refers to it stays. Raises NotFound when somebody else just did."""
    row = _lock(booking)
    row.deleted_at = row.updated = clock.now()
    row.save(update_fields=["deleted_at", "updated"])
    publish(BookingDeleted(object_id=row.public_id, object=representations.booking(row)), actor=actor)


def confirm_booking(*, booking: Booking, actor: Principal) -> Booking:
    """Confirm a booking. Raises BookingAlreadyConfirmed, NotFound."""
    row = _lock(booking)
    if row.confirmed_at is not None:
        raise BookingAlreadyConfirmed
    row.confirmed_at = row.updated = clock.now()
    row.save(update_fields=["confirmed_at", "updated"])
    publish(BookingConfirmed(object_id=row.public_id, object=representations.booking(row)), actor=actor)
    return row


def _lock(row: Booking) -> Booking:
    """Return the row as it is now, until the transaction ends; raises NotFound when it has been deleted."""
    try:
        locked: Booking = Booking.objects.select_for_update(no_key=True).get(id=row.id, deleted_at=None)
    except Booking.DoesNotExist as error:
        raise NotFound from error
    return locked


def _refuse_taken(error: IntegrityError) -> None:
    """Raise the refusal that a unique key of ours stands for; any other error is left to the caller."""
    taken = _TAKEN.get(broken_constraint(error))
    if taken is not None:
        raise taken from error


def _resolved(fields: dict[str, Any]) -> dict[str, Any]:
    """Return `fields` with the identifiers of other objects replaced by what they name.

    Raises FieldErrors (code `not_found`), alike for a missing and for another company's object.
    """
    found = dict(fields)
    for name, find in _FINDERS.items():
        if found.get(name) is not None:
            try:
                found[name] = find(found[name])
            except NotFound as error:
                raise FieldErrors([FieldError(name, "not_found", "There is no such object.")]) from error
    return found


_FINDERS: dict[str, Any] = {
    "customer": get_customer,
}
