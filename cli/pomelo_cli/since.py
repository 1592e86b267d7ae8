"""Where `listen` starts reading: at the newest event, at a given event, or at a time."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from pomelo_cli.problems import Problem

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def parse_since(text: str, *, now: datetime) -> dict[str, str]:
    """Return the query parameters to start at `text`: `evt_…` (after it), `10m`, or an RFC 3339 time. Raises Problem."""
    if text.startswith("evt_"):
        return {"starting_after": text}
    if match := re.fullmatch(r"(\d{1,6})([smhd])", text):
        moment = now - timedelta(**{_UNITS[match[2]]: int(match[1])})
    else:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError as error:
            raise Problem(
                f"--since {text!r} is not understood: give an event's id (evt_…), a time back from now (30s, 10m, 2h, 1d)"
                " or a time (2026-05-28T20:26:40Z)"
            ) from error
    if moment.tzinfo is None:
        raise Problem(f"--since {text!r} has no time zone: add Z for UTC, as in {text}Z")
    return {"created_after": moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")}
