"""The registry of scopes: what a key may be allowed to do (DESIGN §3). The only list of them in the product."""

from collections.abc import Iterable
from dataclasses import dataclass

# The scope requirement of an endpoint that any valid key may call.
ANY_KEY = "any"


@dataclass(frozen=True, slots=True)
class Scope:
    """One permission: its name, the resource it is grouped under on the create page, and what it allows."""

    name: str
    resource: str
    description: str
    writes: bool = False


SCOPES: dict[str, Scope] = {
    scope.name: scope
    for scope in (
        Scope("customers:read", "Customers", "List and read customers"),
        Scope("customers:write", "Customers", "Create, change and delete customers", writes=True),
        Scope("invoices:read", "Invoices", "List and read invoices, download PDFs"),
        Scope("invoices:write", "Invoices", "Create, finalize and void invoices", writes=True),
        Scope("charges:read", "Charges", "List and read charges and refunds"),
        Scope("charges:write", "Charges", "Create charges and refunds", writes=True),
        Scope("messaging:read", "Messages", "List and read messages"),
        Scope("messaging:send", "Messages", "Send messages on every channel", writes=True),
        Scope("email:send", "Messages", "Send email only", writes=True),
        Scope("sms:send", "Messages", "Send SMS only", writes=True),
        Scope("suppressions:read", "Suppressions", "List suppressed addresses"),
        Scope("suppressions:write", "Suppressions", "Add and remove suppressed addresses", writes=True),
        Scope("analytics:read", "Analytics", "Read message and request statistics"),
        Scope("webhooks:read", "Webhooks", "List endpoints and deliveries"),
        Scope("webhooks:write", "Webhooks", "Change endpoints, resend deliveries", writes=True),
        Scope("events:read", "Events", "List events"),
        Scope("audit:read", "Audit", "Read the audit trail and the request log"),
    )
}

# Names the requirements use, accepted wherever a scope is named and stored under the registry's name.
ALIASES: dict[str, str] = {"send_email": "email:send", "read_analytics": "analytics:read"}

PRESETS: dict[str, tuple[str, ...]] = {
    "send-only": ("messaging:send",),
    "read-only": tuple(name for name, scope in SCOPES.items() if not scope.writes),
    "full-access": tuple(SCOPES),
}


class UnknownScope(ValueError):
    """A scope was named that does not exist; the message says which."""


def normalize_scopes(names: Iterable[str]) -> tuple[str, ...]:
    """Resolve aliases, drop repeats and return the scopes in the registry's order; raises UnknownScope."""
    wanted = {ALIASES.get(name, name) for name in names}
    unknown = sorted(wanted - SCOPES.keys())
    if unknown:
        raise UnknownScope(f"Unknown scope: {', '.join(unknown)}.")
    return tuple(name for name in SCOPES if name in wanted)
