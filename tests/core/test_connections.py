"""How our connections differ from Django's: timestamps, and when connections are released."""

from datetime import UTC, datetime

import pytest
from django.db import DataError, connection, transaction

from core.postgres.end_of_request import return_connections


def read_moment(text: str, zone: str = "UTC") -> datetime:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL TIME ZONE '{zone}'")
        cursor.execute("SELECT %s::timestamptz", [text])
        found: datetime = cursor.fetchone()[0]
    return found


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kathmandu", "Africa/Abidjan"])
@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-29 14:00:00.123456+00", datetime(2026, 11, 29, 14, 0, 0, 123_456)),
        ("2026-11-29 14:00:00.1+00", datetime(2026, 11, 29, 14, 0, 0, 100_000)),
        ("2026-11-29 14:00:00+00", datetime(2026, 11, 29, 14)),
        ("2026-11-29 14:00:00+05:30", datetime(2026, 11, 29, 8, 30)),
        ("1900-01-01 00:00:00+00", datetime(1900, 1, 1)),
        ("9999-12-30 23:59:59.999999+00", datetime(9999, 12, 30, 23, 59, 59, 999_999)),
        ("0001-01-03 00:00:00+00", datetime(1, 1, 3)),
    ],
)
def test_timestamps_are_read_in_utc(text: str, moment: datetime, zone: str) -> None:
    found = read_moment(text, zone)

    assert found == moment.replace(tzinfo=UTC)
    assert found.tzinfo is UTC


@pytest.mark.parametrize(
    "text", ["infinity", "-infinity", "0044-03-15 00:00:00+00 BC", "10000-01-01 00:00:00+00"]
)
def test_timestamp_outside_pythons_range_is_refused_as_in_django(text: str) -> None:
    with pytest.raises(DataError, match="timestamp"):
        read_moment(text)


def test_connection_is_released_when_the_request_ends() -> None:
    read_moment("2026-11-29 14:00:00+00")
    assert connection.connection is not None

    return_connections()

    assert connection.connection is None
    assert read_moment("2026-11-29 14:00:00+00") == datetime(2026, 11, 29, 14, tzinfo=UTC)
