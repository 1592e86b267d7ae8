"""Events on from a position. The position moves when an event has been handed on, so a broken connection loses none."""

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
# How long the server may keep a question that it has no answer to yet: an idle listener asks three times a minute.
WAIT_SECONDS = 20
# Between questions while events keep coming: at most 30 a minute, half of what the smallest limit of a key allows.
POLL_SECONDS = 2.0
# Where the server has no room for waiting, it says at once that there is nothing: then it is asked less and less often.
LONGEST_POLL_SECONDS = 5.0
FIRST_WAIT_SECONDS, LAST_WAIT_SECONDS = 1.0, 30.0

Event = dict[str, Any]
Say = Callable[[str], None]


def start_of(api: Api, since: str | None) -> dict[str, str]:
    """Return the query parameters that begin after `since`, or after the newest event there is. Raises Problem, Unreachable."""
    if since is not None:
        return parse_since(since, now=datetime.now(UTC))
    newest = api.get("/v1/events", {"limit": 1})["data"]
    return {"starting_after": newest[0]["id"]} if newest else {}


def read_events(
    api: Api,
    start: dict[str, str],
    *,
    say: Say,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Event]:
    """Yield every event after `start`, oldest first, without end.

    Raises Problem when the key or the position is refused. What passes by itself (no connection, 429, 5xx) is said once a
    time and waited for: as long as Retry-After says, else from 1 s, doubled up to 30 s, each up to a fifth longer.
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
            say(f"{error}; asking again in {wait:.0f} s")
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
            say("Connected again; reading on from where it stopped.")
        failures = 0
        for event in page["data"]:
            yield event
            position = {"starting_after": event["id"]}
        if page["data"]:
            pause = POLL_SECONDS
            if not page["has_more"]:
                sleep(pause)
        elif clock() - asked < WAIT_SECONDS / 2:  # not kept, or not for long
            sleep(pause)
            pause = min(pause + 1.0, LONGEST_POLL_SECONDS)


def _wait(failures: int, retry_after: float | None) -> float:
    if retry_after is not None:
        return retry_after
    base = min(FIRST_WAIT_SECONDS * 2 ** min(failures, 10), LAST_WAIT_SECONDS)
    return base * random.uniform(1, 1.2)  # noqa: S311 - spreads callers, keeps no secret
