"""What DRF's `request.user` and `request.auth` are under /v1 (docs/architecture.md, The request pipeline).

`request.user` is the Principal that acts, `request.auth` what it may do. The class that decides it belongs to apikeys, which
billing, for one, may not import: whoever needs the type takes it from here.
"""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from rest_framework.exceptions import APIException
from rest_framework.request import Request as _DrfRequest

from core.api.deprecation import Deprecation
from core.api.versioning import ApiVersion
from core.errors import DomainError
from core.http.requests import GuardedRequest
from core.principal import Principal
from core.tenancy import Tenant


class Access(ABC):
    """What an authenticated request may do. Everything is known when authentication ends: no method here does I/O to decide."""

    __slots__ = ()

    tenant: Tenant
    scopes: frozenset[str]

    def note_deprecated(self, what: str, deprecation: Deprecation) -> None:  # noqa: B027 - there may be nobody to tell
        """The request uses `what`, which is going away: say so in the answer, and show the owner of the key who does."""

    @abstractmethod
    def allows(self, required: tuple[str, ...]) -> bool:
        """Tell whether any one of the `required` scopes was granted (ANY_KEY always is)."""

    @abstractmethod
    def conclude(self) -> None:
        """The request is answered: take note of what was used, unless a permission or a throttle has said no."""

    @abstractmethod
    def admits(self, policy: str) -> bool:
        """Tell whether `policy` had a token for this request; raises LookupError for a policy that was not asked."""

    @abstractmethod
    def wait(self, policy: str) -> int:
        """Return the seconds until `policy` will have one."""

    @abstractmethod
    def explain_denial(self, required: tuple[str, ...], message: str) -> DomainError:
        """Return the public error for a permission that said no; the audit entry and the trace are written."""

    @abstractmethod
    def explain_throttling(self, wait: float | None) -> DomainError:
        """Return the public error for a throttle that said no; `wait` is in seconds. The trace is written."""


def authenticate(request: _DrfRequest) -> None:
    """Let DRF authenticate `request`, once; raises what its authenticators raise.

    After an exception that is not its own DRF knows no user, and would authenticate (and count) again as soon as anybody asks
    for one: an exception handler, or the negotiation for the answer. So there is none from then on.
    """
    try:
        _ = request.user
    except APIException:
        raise
    except Exception:
        request.user = request.auth = None  # type: ignore[assignment]  # as DRF has it: UNAUTHENTICATED_USER
        raise


class ApiRequest(_DrfRequest):
    """DRF's request as a handler sees it here (a type only, never constructed)."""

    if TYPE_CHECKING:
        # Who acts, and what it may do.
        user: Principal  # type: ignore[assignment]  # DRF's stubs know only Django's users
        auth: Access
        _request: GuardedRequest
        # Of Django's request: DRF's gives what it has not got itself from there.
        rate_headers: dict[str, str]
        api_version: ApiVersion | None
