"""Parsing of timestamps and dates, the same for bodies, filters, forms and commands.

Only RFC 3339 §5.6 is accepted. ISO 8601 has dozens of other formats (weeks, days of the year, no separators), and Python's
and Django's parsers each accept a different subset. A timestamp without a time zone is refused rather than guessed, except
on a form whose label names the zone.
"""

import re
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo

MOMENT_EXAMPLE = "2026-01-31T12:00:00Z"
DAY_EXAMPLE = "2026-01-31"
WRITE_A_MOMENT = f"Write the time as in {MOMENT_EXAMPLE} (RFC 3339): date, time and time zone."
WRITE_A_LOCAL_MOMENT = f"Write the time as in 2026-01-31T12:00, or with its time zone as in {MOMENT_EXAMPLE}."
WRITE_A_DAY = f"Write the day as in {DAY_EXAMPLE}: year, month, day."

# `\d` would match any Unicode digit. Full-width and Arabic ones are more likely a typo than a date.
_DAY = "([0-9]{4})-([0-9]{2})-([0-9]{2})"
_ZONE = "([Zz]|[+-][0-9]{2}:[0-9]{2})"
_MOMENT = re.compile(rf"{_DAY}[Tt]([0-9]{{2}}):([0-9]{{2}}):([0-9]{{2}})(?:\.([0-9]+))?{_ZONE}")
# The format of HTML datetime-local inputs ("valid local date and time string"), and what people type by hand.
_LOCAL = re.compile(rf"{_DAY}[Tt ]([0-9]{{2}}):([0-9]{{2}})(?::([0-9]{{2}})(?:\.([0-9]+))?)?{_ZONE}?")
_ONLY_DAY = re.compile(_DAY)


def parse_moment(text: str) -> datetime:
    """Parse an RFC 3339 timestamp and return it in UTC, truncated to microseconds.

    Raises ValueError for anything else, and for a timestamp outside the years 1 to 9999 in UTC.
    """
    return _read(_MOMENT.fullmatch(text))


def parse_moment_in(zone: tzinfo, text: str) -> datetime:
    """Parse a timestamp typed into a form whose label names `zone`, and return it in UTC.

    In addition to RFC 3339, seconds and offset may be omitted, and a space may replace the T. Raises ValueError.
    """
    return _read(_LOCAL.fullmatch(text), zone)


def parse_day(text: str) -> date:
    """Parse a date such as `2026-01-31` (RFC 3339, full-date). Raises ValueError for anything else."""
    found = _ONLY_DAY.fullmatch(text)
    if found is None:
        raise ValueError(WRITE_A_DAY)
    try:
        return date(int(found[1]), int(found[2]), int(found[3]))
    except ValueError as error:
        raise ValueError("There is no such day.") from error


def _read(found: re.Match[str] | None, zone: tzinfo | None = None) -> datetime:
    if found is None:
        raise ValueError(WRITE_A_LOCAL_MOMENT if zone else WRITE_A_MOMENT)
    year, month, day, hour, minute, second, fraction, offset = found.groups()
    try:
        moment = datetime(
            int(year),
            int(month),
            int(day),
            int(hour),
            int(minute),
            int(second or 0),
            int((fraction or "")[:6].ljust(6, "0")),
            tzinfo=_zone(offset) if offset else zone,
        )
        return moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError("This time does not exist.") from error


def _zone(text: str) -> tzinfo:
    if text in "Zz":
        return UTC
    hours, minutes = int(text[1:3]), int(text[4:6])
    if hours > 23 or minutes > 59:
        raise ValueError("an offset has at most 23 hours and 59 minutes")
    offset = timedelta(hours=hours, minutes=minutes)
    return timezone(-offset if text[0] == "-" else offset)


def describe_distance(moment: datetime, now: datetime) -> str:
    """Return `moment` relative to `now`: "just now", "5 minutes ago", "in 3 days".

    The past is truncated to whole units. The future is rounded, so that an expiry set to seven days a moment ago is "in 7
    days" and not "in 6 days". Beyond 60 days it returns the date: "2 Mar 2026".
    """
    seconds = (now - moment).total_seconds()
    distance = abs(seconds)
    if distance < 45:
        return "just now" if seconds >= 0 else "in a moment"
    for limit, unit_seconds, unit in _UNITS:
        count = max(1, int(distance / unit_seconds + (0 if seconds >= 0 else 0.5)))
        if count < limit:
            words = f"{count} {unit}{'' if count == 1 else 's'}"
            return f"{words} ago" if seconds >= 0 else f"in {words}"
    local = moment.astimezone(UTC)
    return f"{local.day} {local:%b %Y}"


# The largest count of each unit before the next unit is used, and the unit's seconds.
_UNITS = ((60, 60, "minute"), (24, 3600, "hour"), (60, 86_400, "day"))
