"""How a moment and a day are read, wherever somebody writes one: bodies, filters, forms and commands alike.

A moment is RFC 3339 §5.6 and nothing beside it: ISO 8601 has dozens of further spellings (weeks, days of the year, no
separators), and Python's and Django's own readers each take another choice of them. What has no time zone is refused
rather than guessed, except on a form that says on its label which zone it means.
"""

import re
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo

MOMENT_EXAMPLE = "2026-01-31T12:00:00Z"
DAY_EXAMPLE = "2026-01-31"
WRITE_A_MOMENT = f"Write the time as in {MOMENT_EXAMPLE} (RFC 3339): date, time and time zone."
WRITE_A_LOCAL_MOMENT = f"Write the time as in 2026-01-31T12:00, or with its time zone as in {MOMENT_EXAMPLE}."
WRITE_A_DAY = f"Write the day as in {DAY_EXAMPLE}: year, month, day."

# `\d` would be any digit of Unicode: full-width and Arabic ones mean a typing mistake more often than a date.
_DAY = "([0-9]{4})-([0-9]{2})-([0-9]{2})"
_ZONE = "([Zz]|[+-][0-9]{2}:[0-9]{2})"
_MOMENT = re.compile(rf"{_DAY}[Tt]([0-9]{{2}}):([0-9]{{2}}):([0-9]{{2}})(?:\.([0-9]+))?{_ZONE}")
# What an input of type datetime-local sends (HTML, "valid local date and time string"), and people type without one.
_LOCAL = re.compile(rf"{_DAY}[Tt ]([0-9]{{2}}):([0-9]{{2}})(?::([0-9]{{2}})(?:\.([0-9]+))?)?{_ZONE}?")
_ONLY_DAY = re.compile(_DAY)


def parse_moment(text: str) -> datetime:
    """Return the moment that `text` names by RFC 3339, in UTC; digits after microseconds are cut off.

    Raises ValueError for anything else, and for a moment that is in no year from 1 to 9999 in UTC.
    """
    return _read(_MOMENT.fullmatch(text))


def parse_moment_in(zone: tzinfo, text: str) -> datetime:
    """Return the moment that a person named on a form whose label says `zone`, in UTC.

    Beside RFC 3339 it may lack the seconds and the zone, and have a space for the T. Raises ValueError.
    """
    return _read(_LOCAL.fullmatch(text), zone)


def parse_day(text: str) -> date:
    """Return the day that `text` names as `2026-01-31` (RFC 3339, full-date); raises ValueError for anything else."""
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
    """Words for how far `moment` is from `now`, past or future: "just now", "5 minutes ago", "in 3 days".

    What lies behind is said in whole units that have passed; what lies ahead is rounded, so that a moment seven days from
    the click before is "in 7 days" and not "in 6 days". Beyond 60 days the date itself says more: "2 Mar 2026".
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


# How many of a unit are said before the next one is, and its seconds.
_UNITS = ((60, 60, "minute"), (24, 3600, "hour"), (60, 86_400, "day"))
