"""DRF's permission for scopes: a view names them, a key was granted them (docs/architecture.md, The request pipeline)."""

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
    """Return the scopes of which the request in hand needs any one; empty when none was named, so that no key may call it.

    OPTIONS, and a method without a handler, are no question of scopes: DRF answers them itself, with 204 or 405.
    """
    name = (method or "").lower()
    if name == "options" or name not in view.http_method_names or not hasattr(view, name):
        return (ANY_KEY,)
    return required_scopes(view, method)


def require_any_scope(request: ApiRequest, needed: tuple[str, ...], message: str) -> None:
    """Raise `insufficient_scope` unless the key was granted one of `needed`: what only the body says, which HasScope does not read."""
    note_required_scopes(needed)
    granted = request.auth.scopes
    if granted.isdisjoint(needed):
        raise InsufficientScope(
            message, facts={"required_scopes": list(needed), "granted_scopes": sorted(granted)}
        )


class HasScope(BasePermission):
    """Admits a key that was granted what the view's `scopes` name for this method or action.

    A method for which nothing is named is refused (and a system check keeps the server from starting with one). Composable
    with DRF's operators: it answers yes or no, and the exception handler asks `request.auth` for the public error.
    """

    def has_permission(self, request: Request, view: "APIView") -> bool:
        """Tell whether the key may call it."""
        access: Any = request.auth
        if not isinstance(access, Access):
            return False
        required = scopes_asked(view, request.method)
        return bool(required) and access.allows(required)


def scopes(*names: str) -> Callable[[ViewT], ViewT]:
    """Name the scopes of a view that is a function: written above `@api_view`. Any one of them is enough."""

    def decorate(view: ViewT) -> ViewT:
        view.cls.scopes = names or (ANY_KEY,)  # type: ignore[attr-defined]
        return view

    return decorate
