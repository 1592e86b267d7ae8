"""How far a key reaches: which read scope yields objects of a kind, whoever hands them out.

An event carries the object it is about, a delivery the event, an audit entry what was changed. So subscribing to, replaying
and reading them needs the read scope of each resource they carry, and not only their own: a key that leaked must not open
wider than its scopes say. People and the system itself are not bound by scopes; roles and pages are their bounds.
"""

from collections.abc import Iterable, Mapping
from contextvars import ContextVar

from core.errors import ERRORS
from core.principal import Principal
from core.resources import Registered, Scope, list_resources, pomelo_apps

# Scopes that were asked for while the request at hand was handled (core.api.idempotency keeps them with its answer).
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


# The scope that reads objects of a kind (`customer`), by what they call themselves.
READ_SCOPES: Mapping[str, str] = Registered(_read_scopes)


def read_scope_of(event_type: str) -> str:
    """Return the scope that reads what events of a type carry. Raises KeyError for a type whose resource says none."""
    return READ_SCOPES[event_type.partition(".")[0]]


def lacking(principal: Principal, event_types: Iterable[str]) -> list[str]:
    """Return the read scopes that `principal`, if it is a key, would need beside its own for these events."""
    if principal.kind != "key":
        return []
    needed = dict.fromkeys(read_scope_of(kind) for kind in event_types)
    note_asked(*((scope,) for scope in needed))
    return [scope for scope in needed if scope not in principal.scopes]


def require_reach(principal: Principal, event_types: Iterable[str]) -> None:
    """Raise insufficient_scope when `principal` is a key that may not read what these events carry."""
    missing = lacking(principal, event_types)
    if missing:
        # The class belongs to apikeys, which this may not import.
        raise ERRORS["insufficient_scope"](
            "What this would send or show needs the read scope of each resource in it; the key lacks "
            f"{', '.join(missing)}.",
            facts={"required_scopes": missing, "granted_scopes": sorted(principal.scopes)},
        )


def readable(principal: Principal, event_types: Iterable[str]) -> list[str] | None:
    """Return those of the types whose events `principal` may read; None for all of them, whatever comes."""
    if principal.kind != "key":
        return None
    kinds = list(event_types)
    found = [kind for kind in kinds if read_scope_of(kind) in principal.scopes]
    return None if len(found) == len(kinds) else found


def note_asked(*alternatives: tuple[str, ...]) -> None:
    """Remember that the request at hand was asked for one scope of each of the `alternatives`."""
    asked = _asked.get()
    if asked is not None:
        asked.update(alternatives)


class noting_asked:  # noqa: N801 - a context manager
    """Collect the scopes that are asked for within: `with noting_asked() as asked`."""

    def __enter__(self) -> set[tuple[str, ...]]:
        asked: set[tuple[str, ...]] = set()
        self._token = _asked.set(asked)
        return asked

    def __exit__(self, *_: object) -> None:
        _asked.reset(self._token)
