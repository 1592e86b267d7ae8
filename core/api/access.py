"""The types of DRF's `request.user` and `request.auth` under /v1 (docs/architecture.md, The request pipeline).

`request.user` is the acting Principal, and `request.auth` is what it may do. The implementation belongs to apikeys, which
apps such as billing must not import, so they use the type defined here.
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
    """What an authenticated request may do. Authentication has loaded everything: no method does I/O to decide."""

    __slots__ = ()

    tenant: Tenant
    scopes: frozenset[str]

    def note_deprecated(self, what: str, deprecation: Deprecation) -> None:  # noqa: B027 - there may be nobody to tell
        """Record that the request uses the deprecated `what`, for the response headers and the key's owner."""

    @abstractmethod
    def allows(self, required: tuple[str, ...]) -> bool:
        """Return whether any of the `required` scopes was granted (ANY_KEY always is)."""

    @abstractmethod
    def conclude(self) -> None:
        """Record the usage once the request was answered, unless a permission or a throttle denied it."""

    @abstractmethod
    def admits(self, policy: str) -> bool:
        """Return whether `policy` had a token for this request; raises LookupError for a policy that was not checked."""

    @abstractmethod
    def wait(self, policy: str) -> int:
        """Return the seconds until `policy` has a token."""

    @abstractmethod
    def explain_denial(self, required: tuple[str, ...], message: str) -> DomainError:
        """Return the public error for a denied permission, and write the audit entry and the trace."""

    @abstractmethod
    def explain_throttling(self, wait: float | None) -> DomainError:
        """Return the public error for a throttled request, and write the trace. `wait` is in seconds."""


def authenticate(request: _DrfRequest) -> None:
    """Have DRF authenticate `request`, once; raises whatever its authenticators raise.

    After an exception other than its own, DRF leaves the user unset and would authenticate (and count) again on the next
    access, for example in an exception handler or in content negotiation. So the user is set to None here.
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
        # The acting principal, and what it may do.
        user: Principal  # type: ignore[assignment]  # DRF's stubs know only Django's users
        auth: Access
        _request: GuardedRequest
        # On Django's request, to which DRF's delegates.
        rate_headers: dict[str, str]
        api_version: ApiVersion | None
