"""Days as ranges of UUIDv7, whose first 48 bits are the creation time in milliseconds (RFC 9562)."""

import uuid
from datetime import UTC, date, datetime, timedelta

from core.values.ids import first_id


def day_bounds(day: date) -> tuple[uuid.UUID, uuid.UUID]:
    """Return the half-open range of ids created on `day` (UTC)."""
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return first_id(start), first_id(start + timedelta(days=1))


def moment_of(identifier: uuid.UUID) -> datetime:
    """Return the creation time of a UUIDv7, to the millisecond."""
    return datetime.fromtimestamp((identifier.int >> 80) / 1000, tz=UTC)


def day_of(identifier: uuid.UUID) -> date:
    """Return the day (UTC) whose partition contains `identifier`."""
    return moment_of(identifier).date()
