"""The time zone of whoever reads a page: a script tells it in a cookie (lists.js); without scripts it is UTC.

For what the server has to place in time itself, such as the columns of a chart; single moments are written by `<time>`.
"""

from datetime import UTC, datetime, tzinfo
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from django.http import HttpRequest

COOKIE = "timezone"


def zone_of(request: HttpRequest) -> tzinfo:
    """Return the reader's time zone; UTC when it is not known, or none of the time zone database's."""
    name = request.COOKIES.get(COOKIE, "")
    return ZoneInfo(name) if name in _names() else UTC


def zone_name(zone: tzinfo) -> str:
    """Return what a page calls the zone: "UTC", or "Europe/Berlin time"."""
    return f"{zone} time".replace("_", " ") if isinstance(zone, ZoneInfo) and zone.key != "UTC" else "UTC"


def utc_text(moment: datetime, zone: tzinfo) -> str:
    """Return the moment in UTC for what is shown when it is pointed at; empty where it stands there in UTC already."""
    return "" if zone_name(zone) == "UTC" else f"{moment.astimezone(UTC):%d %b, %H:%M} UTC"


@cache
def _names() -> frozenset[str]:
    # Read off the disk, once.
    return frozenset(available_timezones())
