"""The registry of scopes (docs/architecture.md, Contracts), collected from the apps' AppConfigs."""

from collections.abc import Iterable, Mapping

from core.resources import Registered, Scope, pomelo_apps

# The scope requirement of an endpoint that any valid key may call.
ANY_KEY = "any"

SCOPES: Mapping[str, Scope] = Registered(
    lambda: {scope.name: scope for app in pomelo_apps() for scope in app.scopes}
)

# Alternative names, accepted wherever a scope is given and stored under the registry's name.
ALIASES: Mapping[str, str] = Registered(
    lambda: {alias: scope.name for scope in SCOPES.values() for alias in scope.aliases}
)

PRESETS: Mapping[str, tuple[str, ...]] = Registered(
    lambda: {
        "send-only": ("messaging:send",),
        "read-only": tuple(name for name, scope in SCOPES.items() if not scope.writes),
        "full-access": tuple(SCOPES),
    }
)


class UnknownScope(ValueError):
    """An unknown scope; the message says which."""


def normalize_scopes(names: Iterable[str]) -> tuple[str, ...]:
    """Resolve aliases, remove duplicates and return the scopes in the registry's order; raises UnknownScope."""
    wanted = {ALIASES.get(name, name) for name in names}
    unknown = sorted(wanted - SCOPES.keys())
    if unknown:
        raise UnknownScope(f"Unknown scope: {', '.join(unknown)}.")
    return tuple(name for name in SCOPES if name in wanted)
