"""How billing's objects look to the outside: in API answers and in events alike (DESIGN §3)."""

from typing import Any

from billing.models import Customer
from core.clock import rfc3339


def customer(row: Customer) -> dict[str, Any]:
    """Return the public form of a customer."""
    return {
        "id": row.public_id,
        "object": "customer",
        "mode": row.mode,
        "name": row.name,
        "email": row.email or None,
        "phone": row.phone or None,
        "address": row.address,
        "external_id": row.external_id,
        "metadata": row.metadata,
        "created": rfc3339(row.created),
        "updated": rfc3339(row.updated),
    }
