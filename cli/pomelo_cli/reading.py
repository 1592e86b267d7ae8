"""Reads events from a position. The position advances after an event was handled, so a lost connection loses none."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from pomelo_cli.api import Api
from pomelo_cli.problems import Problem, Unreachable
from pomelo_cli.since import parse_since

PAGE = 100
# The duration of a long poll: an idle listener sends three requests a minute.
WAIT_SECONDS = 20
# The pause between requests while events keep arriving: at most 30 a minute, half of the lowest limit of a key.
POLL_SECONDS = 2.0
# A server without capacity for long polls responds immediately with an empty page; then the pauses grow.
LONGEST_POLL_SECONDS = 5.0
FIRST_WAIT_SECONDS, LAST_WAIT_SECONDS = 1.0, 30.0

Event = dict[str, Any]
Report = Callable[[str], None]


def start_of(api: Api, since: str | None) -> dict[str, str]:
    """Return the query parameters to start after `since`, or after the newest event. Raises Problem, Unreachable."""
    if since is not None:
        return parse_since(since, now=datetime.now(UTC))
    newest = api.get("/v1/events", {"limit": 1})["data"]
    return {"starting_after": newest[0]["id"]} if newest else {}


def read_events(
    api: Api,
    start: dict[str, str],
    *,
    report: Report,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Event]:
    """Yield every event after `start`, oldest first, indefinitely.

    Raises Problem if the key or the position is refused. Transient errors (no connection, 429, 5xx) are reported once each
    and retried after Retry-After, or else with exponential backoff from 1 s to 30 s, plus up to 20% jitter.
    """
    position, failures, pause = dict(start), 0, POLL_SECONDS
    while True:
        asked = clock()
        try:
            page = api.get(
                "/v1/events", {"order": "oldest_first", "limit": PAGE, "wait": WAIT_SECONDS, **position}
            )
        except Unreachable as error:
            wait = _wait(failures, error.retry_after)
            report(f"{error}; asking again in {wait:.0f} s")
            failures += 1
            sleep(wait)
            continue
        except Problem as error:
            if "starting_after" in str(error):
                raise Problem(
                    f"{error}\nThe event to read on from is not there: events are kept for 30 days, and belong to one"
                    " company and mode. Start elsewhere: --since 1h"
                ) from error
            raise
        if failures:
            report("Connected again; reading on from where it stopped.")
        failures = 0
        for event in page["data"]:
            yield event
            position = {"starting_after": event["id"]}
        if page["data"]:
            pause = POLL_SECONDS
            if not page["has_more"]:
                sleep(pause)
        elif clock() - asked < WAIT_SECONDS / 2:  # the server did not wait, or not for long
            sleep(pause)
            pause = min(pause + 1.0, LONGEST_POLL_SECONDS)


def _wait(failures: int, retry_after: float | None) -> float:
    if retry_after is not None:
        return retry_after
    base = min(FIRST_WAIT_SECONDS * 2 ** min(failures, 10), LAST_WAIT_SECONDS)
    return base * random.uniform(1, 1.2)  # noqa: S311 - spreads callers, keeps no secret
