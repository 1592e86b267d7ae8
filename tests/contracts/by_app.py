"""What each app tells the suites about itself, found by its place: `tests/<app>/<room>.py`, or in the app, `<app>/tests/<room>.py`.

The rooms are `samples` (objects, bodies and forms, tests.contracts.samples), `refusals` (tests.contracts.refusals) and `provoking`
(tests.audit.provoking). A new app adds its own; the contract, isolation, hostile-input and idempotency suites then cover it
without being told.
"""

from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from core.resources import pomelo_apps
from core.tenancy import Tenant

Body = dict[str, Any] | None
# The page of a form, its target, and its fields.
Form = tuple[str, str, dict[str, str]]


def no_body(tenant: Tenant) -> Body:
    """The operation takes no body."""
    return None


def rooms(name: str) -> list[ModuleType]:
    """Import and return the module `name` of every app that has one, in the order of the apps."""
    places = [
        f"{place}.{name}" for app in pomelo_apps() for place in (f"tests.{app.name}", f"{app.name}.tests")
    ]
    return [import_module(place) for place in places if _is_there(place)]


def _is_there(module: str) -> bool:
    parent, _, _ = module.rpartition(".")
    try:
        return find_spec(parent) is not None and find_spec(module) is not None
    except ModuleNotFoundError as error:
        # A package on the way is missing: the app has no such place. Anything else is a mistake of the app's.
        if error.name is None or not parent.startswith(error.name):
            raise
        return False


def collect(room: str, name: str) -> dict[str, Any]:
    """Return the entries of the dictionary `name` of every app's `room`; an entry has one owner."""
    found: dict[str, Any] = {}
    for module in rooms(room):
        own = getattr(module, name, {})
        assert not found.keys() & own.keys(), f"{module.__name__}.{name} repeats {found.keys() & own.keys()}"
        found |= own
    return found


def sample_object(collection: str, tenant: Tenant) -> str:
    """Make an object of another app's collection, such as `customers`, and return its public id."""
    from tests.contracts.samples import OBJECTS

    return OBJECTS[collection](tenant)
