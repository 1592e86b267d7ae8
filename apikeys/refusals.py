"""Why a request with (or without) a credential is refused: the public errors of the guard (DESIGN §3, §4)."""

from typing import ClassVar

from core.errors import DomainError

REALM = 'Bearer realm="pomelo", Basic realm="pomelo"'


class CredentialInQuery(DomainError):
    """A credential was sent in the query string, where proxies, browsers and logs keep it."""

    code = "credential_in_query"
    status = 400
    title = "Credentials do not belong in the URL"
    fix = "Send `Authorization: Bearer <secret>` instead, and rotate the key: URLs end up in logs and histories."


class _Unauthenticated(DomainError):
    status = 401

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail, headers={"WWW-Authenticate": REALM})


class MissingCredentials(_Unauthenticated):
    """The request carries no credential in any of the three accepted places."""

    code = "missing_credentials"
    title = "No credential was sent"
    fix = "Send `Authorization: Bearer <client secret>`, HTTP Basic, or `X-Client-Id` with `X-Client-Secret`."


class InvalidCredentials(_Unauthenticated):
    """The credential is malformed, unknown, or does not belong to the Client ID that was sent with it."""

    code = "invalid_credentials"
    title = "The credential is not valid"
    fix = "Check that the secret is complete (`manage.py check_secret` or the documented checksum) and of this server."


class KeyExpired(_Unauthenticated):
    """The secret is right, but its key has reached its expiry date."""

    code = "key_expired"
    title = "The key has expired"
    fix = "Create a new key, or set a later expiry on the dashboard."


class KeyRevoked(_Unauthenticated):
    """The secret is right, but the key was revoked, or a rotation has replaced this secret."""

    code = "key_revoked"
    title = "The key has been revoked"
    fix = "Use the key's current secret, or create a new key. An owner can undo a revocation for 60 minutes."


class CompanySuspended(DomainError):
    """The company that owns the key is suspended. Its data is kept and nothing was executed."""

    code = "company_suspended"
    status = 403
    title = "This company is suspended"
    fix = "Sign in to the dashboard to see why, or write to support."


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
    fix = "Add the origin to a browser key. Never use a server key in a browser: whoever opens the page can read it."


class InsufficientScope(DomainError):
    """The key is valid but was not given a scope that this operation needs."""

    code = "insufficient_scope"
    status = 403
    title = "The key lacks the scope this needs"
    _FIX: ClassVar = "Give the key {scopes} on the dashboard, or use another key. It takes effect at once."
    fix = _FIX.format(scopes="one of `error.required_scopes`")

    def advice(self) -> str:
        """Name the scopes, any one of which is enough."""
        return self._FIX.format(scopes="the scope " + " or ".join(self.facts["required_scopes"]))


class RateLimited(DomainError):
    """A rate limit policy has no token left; `error.policies` names which. Nothing was executed."""

    code = "rate_limited"
    status = 429
    title = "Too many requests"
    fix = (
        "Wait as long as `Retry-After` says. The `RateLimit` headers of every response say how much is left."
    )


class TooManyFailures(DomainError):
    """Too many requests without a valid credential came from this address."""

    code = "too_many_failures"
    status = 429
    title = "Too many failed requests from this address"
    fix = "Wait as long as `Retry-After` says and correct the credential. Working keys are not affected."
