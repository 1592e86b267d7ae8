"""The DRF permission that checks a view's scopes against those granted to the key (docs/architecture.md, The request pipeline)."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from core.api.access import Access, ApiRequest
from core.api.errors import InsufficientScope
from core.api.scopes import ANY_KEY
from core.security.reach import note_required_scopes

if TYPE_CHECKING:
    # DRF loads this module while it is importing its views.
    from rest_framework.views import APIView

# One scope, or several of which any one is enough; ANY_KEY: every valid key.
Requirement = str | tuple[str, ...]
# By action (`list`, `create`) or by method (`GET`, `POST`); one requirement alone is meant for all of them.
Scopes = Requirement | Mapping[str, Requirement]

ViewT = TypeVar("ViewT", bound=Callable[..., Any])


def scopes_named(scopes: Scopes, method: str, action: str | None) -> tuple[str, ...]:
    """Return the scopes that `scopes` names for a method and action; empty when it names none. HEAD needs what GET needs."""
    named: Requirement | None
    if isinstance(scopes, Mapping):
        named = scopes.get(action) if action else None
        if named is None:
            named = scopes.get("GET" if method == "HEAD" else method)
    else:
        named = scopes
    if not named:
        return ()
    return (named,) if isinstance(named, str) else tuple(named)


def required_scopes(view: Any, method: str | None) -> tuple[str, ...]:
    """Return the scopes that `view` names for a method; empty when it names none."""
    return scopes_named(getattr(view, "scopes", ()), method or "GET", getattr(view, "action", None))


def scopes_asked(view: "APIView", method: str | None) -> tuple[str, ...]:
    """Return the scopes, any of which the current request needs; empty when none is named, so that no key may call it.

    OPTIONS and methods without a handler need no scope: DRF answers them itself, with 204 or 405.
    """
    name = (method or "").lower()
    if name == "options" or name not in view.http_method_names or not hasattr(view, name):
        return (ANY_KEY,)
    return required_scopes(view, method)


def require_any_scope(request: ApiRequest, needed: tuple[str, ...], message: str) -> None:
    """Raise `insufficient_scope` unless the key has one of `needed`: for scopes that depend on the body, which HasScope ignores."""
    note_required_scopes(needed)
    granted = request.auth.scopes
    if granted.isdisjoint(needed):
        raise InsufficientScope(
            message, facts={"required_scopes": list(needed), "granted_scopes": sorted(granted)}
        )


class HasScope(BasePermission):
    """Admits a key that has a scope named in the view's `scopes` for this method or action.

    A method without a named scope is denied (and a system check keeps the server from starting with one). Composable with
    DRF's operators: it returns a boolean, and the exception handler gets the public error from `request.auth`.
    """

    def has_permission(self, request: Request, view: "APIView") -> bool:
        """Return whether the key may call the view."""
        access: Any = request.auth
        if not isinstance(access, Access):
            return False
        required = scopes_asked(view, request.method)
        return bool(required) and access.allows(required)


def scopes(*names: str) -> Callable[[ViewT], ViewT]:
    """Set the scopes of a function view, above `@api_view`. Any one of them is enough."""

    def decorate(view: ViewT) -> ViewT:
        view.cls.scopes = names or (ANY_KEY,)  # type: ignore[attr-defined]
        return view

    return decorate
