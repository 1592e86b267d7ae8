"""Other objects that a body names by id."""

from typing import Any

from billing import selectors
from billing.models import Customer, Invoice
from core.errors import FieldError, FieldErrors, NotFound


def resolve_references(fields: dict[str, Any]) -> dict[str, Any]:
    """Return `fields` with the ids under `customer` and `invoice` replaced by what they name.

    Raises FieldErrors (code `not_found`), alike for a missing and for another company's object.
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
