"""Every operation of the API, read off the URL configuration: a new endpoint is found by itself.

What an operation needs to be called (an object in its path, a valid body) comes from `tests.contracts.samples`; an
operation without a sample fails the tests that need one, with the line to add.
"""

import re
from dataclasses import dataclass
from typing import Any

from core.api.operations import mounted_views
from core.security.reach import READ_SCOPES
from core.tenancy import Tenant

_PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")
WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one route under /v1, with the scopes of which any one is enough."""

    method: str
    route: str
    view: type
    scopes: tuple[str, ...]

    @property
    def parameters(self) -> list[str]:
        """The names of the identifiers in the path."""
        return _PARAMETER.findall(self.route)

    @property
    def resource(self) -> str:
        """The first segment of the path: `customers`."""
        return self.route.removeprefix("v1/").partition("/")[0]

    @property
    def name(self) -> str:
        """The operation for people: `POST /v1/customers`."""
        return f"{self.method} /{self.route}"

    def path(self, public_id: str = "") -> str:
        """Return the path with `public_id` in the place of its identifier."""
        return "/" + _PARAMETER.sub(public_id, self.route)


def scopes_beside(operation: Operation) -> list[str]:
    """Return the read scopes that an operation takes beside its own, because its objects carry those of other resources.

    An app says which resources, or single operations, do (`CARRIERS` of its samples).
    """
    from tests.contracts.by_app import rooms

    carriers = {name for room in rooms("samples") for name in getattr(room, "CARRIERS", ())}
    return sorted(set(READ_SCOPES.values())) if {operation.resource, operation.name} & carriers else []


def list_operations() -> list[Operation]:
    """Return every operation, in the order of the routes."""
    return [
        Operation(method, mounted.route, mounted.view, mounted.scopes(method))
        for mounted in mounted_views()
        if mounted.view is not None
        for method in mounted.methods
    ]


def sample_id(operation: Operation, tenant: Tenant) -> str:
    """Make an object of `tenant` that the path of `operation` can name, and return its public id."""
    from tests.contracts.samples import OBJECTS

    try:
        make = OBJECTS.get(operation.name) or OBJECTS[operation.resource]
    except KeyError:
        raise AssertionError(
            f"{operation.name} needs an object: add {operation.resource!r} to OBJECTS of its app's samples (tests.contracts.by_app)"
        ) from None
    return make(tenant)


def sample_path(operation: Operation, tenant: Tenant) -> str:
    """Return the path of `operation`; if it names an object, make one of `tenant` for it."""
    return operation.path(sample_id(operation, tenant)) if operation.parameters else operation.path()


def sample_body(operation: Operation, tenant: Tenant) -> dict[str, Any] | None:
    """Return a body that `operation` accepts from `tenant`, or None when it takes none."""
    from tests.contracts.samples import BODIES

    if operation.method not in WRITES:
        return None
    try:
        make = BODIES[operation.name]
    except KeyError:
        raise AssertionError(
            f"{operation.name} needs a body: add it to BODIES of its app's samples (no_body if it takes none)"
        ) from None
    return make(tenant)
