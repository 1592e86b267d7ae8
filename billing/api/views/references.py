"""Resolves references to other objects in request bodies."""

from typing import Any

from billing import selectors
from billing.models import Customer, Invoice
from core.errors import FieldError, FieldErrors, NotFound


def resolve_references(fields: dict[str, Any]) -> dict[str, Any]:
    """Return `fields` with the IDs under `customer` and `invoice` replaced by the objects.

    Raises FieldErrors (code `not_found`) for missing objects and those of other companies alike.
    """
    resolved = dict(fields)
    for name, find in (("customer", _customer), ("invoice", _invoice)):
        if resolved.get(name) is not None:
            try:
                resolved[name] = find(resolved[name])
            except NotFound as error:
                raise FieldErrors([FieldError(name, "not_found", f"There is no such {name}.")]) from error
    return resolved


def _customer(public_id: str) -> Customer:
    return selectors.get_customer(public_id)


def _invoice(public_id: str) -> Invoice:
    return selectors.get_invoice(public_id)
