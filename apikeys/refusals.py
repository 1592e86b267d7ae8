"""Public errors of authentication that are specific to keys (docs/architecture.md, Contracts and The request pipeline)."""

from typing import ClassVar

from core.api.errors import Unauthenticated
from core.errors import DomainError


class CredentialInQuery(DomainError):
    """A credential was sent in the query string, where proxies, browsers and logs keep it."""

    code = "credential_in_query"
    status = 400
    title = "Credentials do not belong in the URL"
    fix = "Send `Authorization: Bearer <secret>` instead, and rotate the key: URLs end up in logs and histories."


class KeyExpired(Unauthenticated):
    """The secret is right, but its key has reached its expiry date."""

    code = "key_expired"
    title = "The key has expired"
    fix = "Create a new key, or set a later expiry on the dashboard."


class KeyRevoked(Unauthenticated):
    """The secret is right, but the key was revoked, or a rotation has replaced this secret."""

    code = "key_revoked"
    title = "The key has been revoked"
    fix = "Use the key's current secret, or create a new key. An owner can undo a revocation for 60 minutes."


class CompanySuspended(DomainError):
    """The company that owns the key is suspended. Its data is kept and nothing was executed."""

    code = "company_suspended"
    status = 403
    title = "This company is suspended"
    fix = "Sign in to the dashboard to see why, or contact support."


class IpNotAllowed(DomainError):
    """The key has an IP allow-list and the request came from an address outside of it."""

    code = "ip_not_allowed"
    status = 403
    title = "This address may not use the key"
    _FIX: ClassVar = "Call from an allowed address, or add {address} to the key's allow-list."
    fix = _FIX.format(address="the address in `error.ip`")

    def advice(self) -> str:
        """Name the address."""
        return self._FIX.format(address=self.facts["ip"])


class OriginNotAllowed(DomainError):
    """A browser key was used without one of its allowed origins, or a server key was used in a browser."""

    code = "origin_not_allowed"
    status = 403
    title = "This origin may not use the key"
    fix = "Add the origin to a browser key. Never use a server key in a browser: anyone who opens the page can read it."


class TooManyFailures(DomainError):
    """Too many requests without a valid credential came from this address."""

    code = "too_many_failures"
    status = 429
    title = "Too many failed requests from this address"
    fix = "Wait the number of seconds in `Retry-After` and correct the credential. Working keys are not affected."
