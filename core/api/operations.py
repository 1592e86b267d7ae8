"""Lists the operations under /v1 from the URL configuration, for the system checks, the scopes' replay and the contract tests."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

from core.api.deprecation import Deprecation
from core.api.permissions import scopes_named
from core.api.throttles import TierThrottle
from core.http.routes import route_template


@dataclass(frozen=True, slots=True)
class MountedView:
    """A route and its view. `view` is the class; None for a plain function."""

    route: str
    callback: Any
    view: type | None

    def attribute(self, name: str, default: Any = None) -> Any:
        """Return an attribute of the view's instances, from the URL configuration (`@action(scopes=…)`) or the class."""
        return getattr(self.callback, "initkwargs", {}).get(name, getattr(self.view, name, default))

    @property
    def methods(self) -> dict[str, str | None]:
        """The allowed methods with the action of each, without OPTIONS and HEAD, which DRF handles.

        Routers may bind methods that `http_method_names` excludes, so the two are intersected.
        """
        actions: dict[str, str] | None = getattr(self.callback, "actions", None)
        names = self.attribute("http_method_names", ())
        return {
            name.upper(): actions.get(name) if actions else None
            for name in names
            if name not in ("options", "head") and (name in actions if actions else hasattr(self.view, name))
        }

    def scopes(self, method: str) -> tuple[str, ...]:
        """Return the scopes, any of which lets a key call `method`; empty when none is named."""
        return scopes_named(self.attribute("scopes", ()), method, self.methods.get(method))

    def throttles(self, method: str) -> list[type[TierThrottle]]:
        """Return the rate-limit policies that apply to `method`."""
        found = self.attribute("throttle_classes", ())
        return [
            throttle
            for throttle in found
            if isinstance(throttle, type)
            and issubclass(throttle, TierThrottle)
            and throttle.applies_to(method)
        ]


def mounted_views(patterns: list[Any] | None = None, prefix: str = "") -> Iterator[MountedView]:
    """Yield every route under /v1 with its view."""
    for pattern in patterns if patterns is not None else get_resolver().url_patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from mounted_views(pattern.url_patterns, route)
        elif isinstance(pattern, URLPattern) and route.startswith("v1/"):
            callback = pattern.callback
            view = getattr(callback, "cls", None) or getattr(callback, "view_class", None)
            yield MountedView(route, callback, view)


@cache
def operations_of_scope(scope: str) -> dict[str, list[str]]:
    """Return the route templates (`/v1/customers/{id}`) that `scope` grants access to, by method."""
    found: dict[str, list[str]] = {}
    for mounted in mounted_views():
        for method in mounted.methods:
            if scope in mounted.scopes(method):
                found.setdefault(method, []).append(route_template(mounted.route))
    return found


@cache
def deprecated_operations() -> dict[str, Deprecation]:
    """Return the deprecated operations, by method and path: `GET /v1/…`."""
    found = {}
    for mounted in mounted_views():
        declared = mounted.attribute("deprecations", {})
        for method, action in mounted.methods.items():
            deprecation = declared.get(action or "") or declared.get(method)
            if deprecation is not None:
                found[f"{method} {route_template(mounted.route)}"] = deprecation
    return found


@cache
def mounted_throttles() -> tuple[type[TierThrottle], ...]:
    """Return every rate-limit policy used by an endpoint, in the order of the routes."""
    found = {
        throttle: None
        for mounted in mounted_views()
        for method in mounted.methods
        for throttle in mounted.throttles(method)
    }
    return tuple(found)
