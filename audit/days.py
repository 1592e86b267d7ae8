"""Days as ranges of UUIDv7: the first 48 bits of an identifier are the millisecond it was made in (RFC 9562)."""

import uuid
from datetime import UTC, date, datetime, timedelta

from core.values.ids import first_id


def day_bounds(day: date) -> tuple[uuid.UUID, uuid.UUID]:
    """Return the half-open range of identifiers made on `day` (UTC)."""
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return first_id(start), first_id(start + timedelta(days=1))


def moment_of(identifier: uuid.UUID) -> datetime:
    """Return the millisecond in which a UUIDv7 was made."""
    return datetime.fromtimestamp((identifier.int >> 80) / 1000, tz=UTC)


def day_of(identifier: uuid.UUID) -> date:
    """Return the day (UTC) whose partition holds `identifier`."""
    return moment_of(identifier).date()
