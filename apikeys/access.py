"""What a request made with an API key may do: DRF's `request.auth` (core.api.access), backed by its grant and rate-limit answers."""

from collections.abc import Sequence

from apikeys import attempts
from apikeys.decisions import Circumstances, explain
from apikeys.grants import Grant
from apikeys.usage import BUFFER
from core.api.access import Access
from core.api.deprecation import Deprecation, headers_of
from core.api.errors import InsufficientScope, NotPermitted, RateLimited
from core.api.exceptions import throttled
from core.api.scopes import ANY_KEY
from core.api.throttling import PolicySet, in_seconds
from core.errors import DomainError
from core.http.requests import GuardedRequest
from core.principal import Principal

# The statuses with which a permission or a throttle denies a request.
DENIALS = frozenset({InsufficientScope.code, NotPermitted.code, RateLimited.code})


class KeyAccess(Access):
    """The access of one request. It admits nothing until `settle` has recorded what the buckets answered."""

    __slots__ = (
        "_admitted",
        "_deprecated",
        "_policies",
        "_request",
        "_scope",
        "_used",
        "_waits",
        "asked",
        "grant",
        "principal",
        "scopes",
        "tenant",
    )

    def __init__(
        self, request: GuardedRequest, grant: Grant, asked: Circumstances, principal: Principal
    ) -> None:
        self.grant = grant
        self.tenant = grant.tenant
        self.scopes = grant.scopes
        self.asked = asked
        self.principal = principal
        self._request = request
        self._policies: PolicySet | None = None
        self._used: Sequence[int] = ()
        self._waits: Sequence[int] = ()
        self._admitted = False
        # Which of the scopes let it pass.
        self._scope = ""
        self._deprecated: dict[str, Deprecation] | None = None

    def settle(
        self, policies: PolicySet, *, admitted: bool, used: Sequence[int], waits: Sequence[int]
    ) -> None:
        """Record what the buckets of `policies` answered: for each, the microseconds `used` and how long to wait."""
        self._policies, self._used, self._waits, self._admitted = policies, used, waits, admitted

    def note_deprecated(self, what: str, deprecation: Deprecation) -> None:
        """Add deprecation headers for `what` (an operation or an API version) to the response, and record its use."""
        self._deprecated = {**(self._deprecated or {}), what: deprecation}
        self._request.rate_headers.update(headers_of(list(self._deprecated.values())))

    def allows(self, required: tuple[str, ...]) -> bool:
        """Return whether at least one of the `required` scopes was granted."""
        if required[0] == ANY_KEY:
            return True
        for scope in required:
            if scope in self.scopes:
                self._scope = scope
                return True
        return False

    def conclude(self) -> None:
        """Record the use of the secret and the scope for the key's owner. A refused request does not count as a use."""
        if self._admitted and self._request.refused_by not in DENIALS:
            asked = self.asked
            BUFFER.note(
                *(self.grant.facts, self._scope, asked.now, asked.ip, self.principal.user_agent),
                deprecated=self._deprecated or (),
            )

    def admits(self, policy: str) -> bool:
        """Return whether `policy` had a token. Raises LookupError for a policy that authentication did not check."""
        number = self._number(policy)
        return self._admitted or not self._limits.policies[number].refuses(self._used[number])

    def wait(self, policy: str) -> int:
        """Return the seconds until `policy` will have a token for this caller."""
        return in_seconds(self._waits[self._number(policy)])

    @property
    def _limits(self) -> PolicySet:
        if self._policies is None:
            raise LookupError("The buckets have not been asked.")
        return self._policies

    def _number(self, policy: str) -> int:
        for number, found in enumerate(self._limits.policies):
            if found.name == policy:
                return number
        raise LookupError(
            f"The policy {policy} was not taken from: get_throttles() must name the same throttles each time."
        )

    def record(self, refusal: DomainError) -> None:
        """Write a refusal of this key to the audit trail. Beyond the rate limit, not every refusal is written.

        The limit is that of the policies the request took tokens from. If it took none (a view without policies, or Valkey is
        down and limits fail open), the audit entries themselves are rate limited.
        """
        if self._admitted and (any(self._used) or attempts.should_record(self.grant)):
            attempts.record_refusal(self.grant, refusal, actor=self.principal)

    def explain_denial(self, required: tuple[str, ...], message: str) -> DomainError:
        """Return `insufficient_scope` if none of the scopes was granted, else `not_permitted` with the permission's message."""
        refusal: DomainError
        if not required:
            refusal = NotPermitted("This operation names no scope, so no key may call it.")
        elif required[0] == ANY_KEY or not self.scopes.isdisjoint(required):
            refusal = NotPermitted(message)
        else:
            refusal = InsufficientScope(
                f"This needs the scope {' or '.join(required)}.",
                facts={"required_scopes": list(required), "granted_scopes": list(self.grant.facts.scopes)},
            )
        self.record(refusal)
        self._request.trace = explain(self.grant, refusal, self.asked, required)
        return refusal

    def explain_throttling(self, wait: float | None) -> DomainError:
        """Return `rate_limited`, with the policies of the tier that have no token."""
        refusing = [] if self._admitted else self._limits.refusing(self._used)
        if refusing:
            wait = max(wait or 0, in_seconds(max(self._waits)))
        refusal = throttled(wait, [policy.name for policy in refusing])
        self._request.trace = explain(self.grant, refusal, self.asked)
        return refusal
