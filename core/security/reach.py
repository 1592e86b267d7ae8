"""Which read scope gives access to each type of object, whichever endpoint returns it.

An event contains the object it is about, a delivery contains the event, and an audit entry contains what was changed. So
subscribing to, replaying and reading them requires the read scope of each resource inside, in addition to their own: a leaked
key must not reveal more than its scopes allow. People and the system are not limited by scopes, but by roles.
"""

from collections.abc import Iterable, Mapping
from contextvars import ContextVar

from core.errors import ERRORS
from core.principal import Principal
from core.resources import Registered, Scope, list_resources, pomelo_apps

# Scopes that were required while handling the current request (core.api.idempotency stores them with the response).
_asked: ContextVar[set[tuple[str, ...]] | None] = ContextVar("asked_scopes", default=None)


def _scopes() -> dict[str, Scope]:
    return {scope.name: scope for app in pomelo_apps() for scope in app.scopes}


def _read_scopes() -> dict[str, str]:
    known = _scopes()
    found = {}
    for resource in list_resources():
        scope = resource.read_scope or f"{resource.name}:read"
        if scope in known:
            found[resource.object] = scope
    return found


# The read scope for each type of object (`customer`).
READ_SCOPES: Mapping[str, str] = Registered(_read_scopes)


def read_scope_of(event_type: str) -> str:
    """Return the scope for reading the object in events of a type. Raises KeyError for a type whose resource has none."""
    return READ_SCOPES[event_type.partition(".")[0]]


def lacking(principal: Principal, event_types: Iterable[str]) -> list[str]:
    """Return the read scopes for these events that `principal` lacks, if it is a key."""
    if principal.kind != "key":
        return []
    needed = dict.fromkeys(read_scope_of(kind) for kind in event_types)
    note_required_scopes(*((scope,) for scope in needed))
    return [scope for scope in needed if scope not in principal.scopes]


def require_reach(principal: Principal, event_types: Iterable[str]) -> None:
    """Raise insufficient_scope when `principal` is a key that may not read the objects in these events."""
    missing = lacking(principal, event_types)
    if missing:
        # The error class belongs to apikeys, which core must not import.
        raise ERRORS["insufficient_scope"](
            "What this would send or show needs the read scope of each resource in it; the key lacks "
            f"{', '.join(missing)}.",
            facts={"required_scopes": missing, "granted_scopes": sorted(principal.scopes)},
        )


def readable(principal: Principal, event_types: Iterable[str]) -> list[str] | None:
    """Return the types whose events `principal` may read; None for all of them, including future ones."""
    if principal.kind != "key":
        return None
    kinds = list(event_types)
    found = [kind for kind in kinds if read_scope_of(kind) in principal.scopes]
    return None if len(found) == len(kinds) else found


def note_required_scopes(*alternatives: tuple[str, ...]) -> None:
    """Record that the current request required one scope of each of the `alternatives`."""
    asked = _asked.get()
    if asked is not None:
        asked.update(alternatives)


class collecting_required_scopes:  # noqa: N801 - a context manager
    """Collect the scopes that are required inside the block: `with collecting_required_scopes() as asked`."""

    def __enter__(self) -> set[tuple[str, ...]]:
        asked: set[tuple[str, ...]] = set()
        self._token = _asked.set(asked)
        return asked

    def __exit__(self, *_: object) -> None:
        _asked.reset(self._token)
