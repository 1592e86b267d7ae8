"""Code shared by the callback views of providers."""

from collections.abc import Callable, Iterable
from typing import Any

from core.background import set_aside
from core.http.callbacks import Unreadable, Unverified, callback
from messaging.services.callbacks import BATCH_NAME, Report

__all__ = ["Unreadable", "Unverified", "callback", "read_each"]


def read_each(source: str, events: Iterable[Any], read: Callable[[Any], Report | None]) -> list[Report]:
    """Return the result of `read` for each event. None is dropped, and an event that cannot be read is set aside.

    Raises Unreadable if there are events and none of them can be read.
    """
    found: list[Report] = []
    failed: list[tuple[str, Exception]] = []
    readable = False
    for event in events:
        try:
            report = read(event)
        except (
            Exception
        ) as error:  # Also raised by a provider's own code; the other events of the callback are fine.
            failed.append((f"{source}: {str(event)[:100]}", error))
        else:
            readable = True
            if report is not None:
                found.append(report)
    if failed and not readable:
        first = failed[0][1]
        raise Unreadable(f"{type(first).__name__}: {first}") from first
    for item, cause in failed:
        set_aside.record_failure(BATCH_NAME, item, cause)
    return found
