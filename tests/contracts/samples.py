"""How to make what an operation needs: an object for its path, and a body it accepts.

`OBJECTS` is keyed by the first path segment, `BODIES` by the operation. A new endpoint adds its lines here; the contract
and isolation tests then cover it without being told.
"""

from collections.abc import Callable
from typing import Any

from core.tenancy import Tenant
from tests.factories import make_customer

Body = dict[str, Any] | None


def no_body(tenant: Tenant) -> Body:
    """The operation takes no body."""
    return None


OBJECTS: dict[str, Callable[[Tenant], str]] = {
    "customers": lambda tenant: make_customer(tenant).public_id,
}

BODIES: dict[str, Callable[[Tenant], Body]] = {
    "POST /v1/customers": lambda tenant: {"name": "Grace Hopper", "email": "grace@example.com"},
    "PATCH /v1/customers/<str:id>": lambda tenant: {"name": "Grace Murray Hopper"},
    "DELETE /v1/customers/<str:id>": no_body,
}
