"""Replays a key's recent calls against changed restrictions, to show the effect before they are saved."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from apikeys.restrictions import address_allowed, compile_networks
from core.api.operations import MountedView, mounted_views
from core.api.scopes import ANY_KEY
from core.http.routes import route_template

PERIOD = timedelta(days=7)
MAX_REASONS = 8

# (address, method, route, count), as returned by `settings.KEY_CALLS`.
Call = tuple[str, str, str, int]


@dataclass(frozen=True, slots=True)
class Reason:
    """Why some of the calls would have been refused."""

    text: str
    count: int


@dataclass(frozen=True, slots=True)
class Replay:
    """How many of the calls would have been refused, and why, most frequent reason first."""

    total: int
    refused: int
    reasons: tuple[Reason, ...]


def replay(
    calls: Iterable[Call],
    *,
    networks: Sequence[str],
    scopes: Iterable[str],
    required: Callable[[str, str], tuple[str, ...]],
) -> Replay:
    """Decide past calls again under other restrictions. `required` returns the scopes of a method and route."""
    compiled, granted = compile_networks(networks), frozenset(scopes)
    total = 0
    reasons: Counter[str] = Counter()
    for ip, method, route, count in calls:
        total += count
        if not address_allowed(ip, compiled):
            reasons[f"from {ip}, which is not in the list of addresses"] += count
            continue
        needed = required(method, route)
        if needed and granted.isdisjoint(needed):
            reasons[f"{method} {route}, which needs {' or '.join(needed)}"] += count
    most = tuple(Reason(text, count) for text, count in reasons.most_common(MAX_REASONS))
    return Replay(total, reasons.total(), most)


def required_scopes() -> Callable[[str, str], tuple[str, ...]]:
    """Return a function from method and route template (`/v1/customers/{id}`) to the scopes it requires now."""
    mounted: dict[str, MountedView] = {
        route_template(found.route): found for found in mounted_views() if found.view
    }

    def of(method: str, route: str) -> tuple[str, ...]:
        found = mounted.get(route)
        needed = () if found is None else found.scopes("GET" if method == "HEAD" else method)
        return () if ANY_KEY in needed else needed

    return of
