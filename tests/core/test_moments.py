"""Timestamps and dates: only RFC 3339 is accepted, and equal times are equal in any offset."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.clock import rfc3339
from core.values.moments import parse_day, parse_moment, parse_moment_in

OFFSETS = st.integers(-23 * 60 - 59, 23 * 60 + 59).map(lambda minutes: timezone(timedelta(minutes=minutes)))
MOMENTS = st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29), timezones=OFFSETS)


@given(MOMENTS)
def test_timestamps_are_equal_in_every_time_zone(moment: datetime) -> None:
    written = moment.isoformat()
    assert parse_moment(written) == parse_moment_in(UTC, written) == moment
    assert parse_moment(rfc3339(moment)) == moment
    assert parse_moment(written).tzinfo is UTC


@given(st.dates())
def test_formatted_date_is_parsed_back(day: date) -> None:
    assert parse_day(day.isoformat()) == day


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-31T12:00:00Z", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("2026-01-31t12:00:00z", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("2026-01-31T12:00:00.5Z", datetime(2026, 1, 31, 12, 0, 0, 500_000, tzinfo=UTC)),
        ("2026-01-31T12:00:00.123456789+02:00", datetime(2026, 1, 31, 10, 0, 0, 123_456, tzinfo=UTC)),
        ("2026-01-31T12:00:00-00:00", datetime(2026, 1, 31, 12, tzinfo=UTC)),
    ],
)
def test_all_rfc_3339_forms_are_parsed(text: str, moment: datetime) -> None:
    assert parse_moment(text) == moment


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-31T12:00:00", "2026-01-31", "2026-01-31 12:00:00Z", "2026-01-31T12:00Z", "20260131T120000Z",
        "2026-W53-4T12:00:00Z", "2026-W53-4", "2026-031T12:00:00Z", "２０２６-01-31T12:00:00Z", "2026-01-31T12:00:00+02",
        "2026-01-31T12:00:00+0200", "2026-01-31T12:00:00 02:00", "2026-02-30T12:00:00Z", "2026-01-31T24:00:00Z",
        "2026-01-31T12:00:00+24:00", "0001-01-01T00:00:00+23:59", "0000-01-01T00:00:00Z", "2026-01-31T12:00:00,5Z",
        "2026-01-31T12:00:00Z\n", " 2026-01-31T12:00:00Z", "1769860800", "", "2026-01-31T12:00:61Z", "2026-1-31T12:00:00Z",
    ],
)  # fmt: skip
def test_invalid_timestamps_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"Write the time as in|This time does not exist"):
        parse_moment(text)


@pytest.mark.parametrize(
    "text",
    ["20260131", "2026-W53-4", "2026-W05", "2026-031", "２０２６-01-31", "31.01.2026", "01/31/2026", "2026-02-30", "2026-1-31", "2026-01-31T00:00:00Z", "", "2026-01-31\n"],
)  # fmt: skip
def test_invalid_dates_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"Write the day as in|There is no such day"):
        parse_day(text)


@pytest.mark.parametrize(
    "text", ["2026-01-31T12:00", "2026-01-31 12:00", "2026-01-31T12:00:00", "2026-01-31T13:00+01:00"]
)
def test_form_with_a_time_zone_accepts_local_times(text: str) -> None:
    assert parse_moment_in(UTC, text) == datetime(2026, 1, 31, 12, tzinfo=UTC)
