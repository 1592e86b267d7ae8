"""The public events that an endpoint can subscribe to: the classes in apps' `events.py` whose `public` is true.

The first sentence of the class's docstring is its description.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from core.events import EVENT_TYPES
from core.resources import Registered, app_of, pomelo_apps


def _public_events() -> dict[str, str]:
    return {
        kind: " ".join((event.__doc__ or "").split())
        for app in pomelo_apps()
        for kind, event in EVENT_TYPES.items()
        if event.public and app_of(event.__module__) is app
    }


# The description of each event by type, in the order of the apps. Complete once the apps are ready, which imports their events.
CATALOGUE: Mapping[str, str] = Registered(_public_events)
ALL = "*"
TEST_EVENT = "webhook_endpoint.test"  # only sent as a test; it cannot be subscribed to


def groups() -> dict[str, list[str]]:
    """Return the event types by the resource they are about, in the catalogue's order."""
    found: dict[str, list[str]] = {}
    for name in CATALOGUE:
        found.setdefault(name.partition(".")[0], []).append(name)
    return found


def patterns() -> list[str]:
    """Return everything an endpoint may subscribe to: `*`, every `<resource>.*`, every event type."""
    return [ALL, *(f"{resource}.*" for resource in groups()), *CATALOGUE]


def is_pattern(text: str) -> bool:
    """Return whether `text` is an event type, `<resource>.*` of the catalogue, or `*`."""
    return text == ALL or text in CATALOGUE or (text.endswith(".*") and text.removesuffix(".*") in groups())


def matches(patterns: Iterable[str], event_type: str) -> bool:
    """Return whether one of an endpoint's patterns selects `event_type`."""
    wildcard = event_type.partition(".")[0] + ".*"
    return any(pattern in (ALL, event_type, wildcard) for pattern in patterns)


def matching_types(patterns: Iterable[str]) -> list[str]:
    """Return the event types that the patterns select, in the catalogue's order."""
    chosen = list(patterns)
    return [name for name in CATALOGUE if matches(chosen, name)]
