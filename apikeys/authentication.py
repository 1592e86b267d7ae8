"""The guard of the API pipeline: who is calling, may they, and is there a token left (DESIGN §4–6).

`settings.API_GUARD` names KeyGuard. On the hot path it does no SQL and one round trip to Valkey.
"""

import hmac
import time
from typing import Any, NoReturn

import structlog
from django.conf import settings
from prometheus_client import Counter

from apikeys import attempts, grants, hashers, stores
from apikeys.credentials import Credential, read_credential
from apikeys.decisions import FREE_REFUSALS, Circumstances, decide, explain
from apikeys.grants import Grant
from apikeys.refusals import InvalidCredentials, RateLimited, TooManyFailures
from apikeys.services.notices import report_exposure
from apikeys.usage import BUFFER
from apikeys.verification import load_grant, recall_match
from core import clock
from core.api.errors import TemporarilyUnavailable
from core.api.scopes import ANY_KEY
from core.api.throttling import STALE, LocalBuckets, PolicySet
from core.api.views import ApiRequest
from core.errors import DomainError
from core.principal import Principal
from core.tenancy import Tenant, tenant_context
from core.valkey import ValkeyUnavailable

log = structlog.get_logger("pomelo.guard")
WITHOUT_VALKEY = Counter("pomelo_guard_without_valkey_total", "Requests settled without Valkey", ["mode"])

# A copy that is stale again after so many reloads belongs to a key that somebody changes in a loop.
MAX_RELOADS = 4
MAX_AGENT_LENGTH = 300

_local = LocalBuckets()


class _State:
    """What the guard remembers of one request between its three steps."""

    __slots__ = ("asked", "credential", "digest", "fresh", "grant", "now", "refusal")

    def __init__(self, now: float) -> None:
        self.now = now
        self.credential: Credential | None = None
        self.digest = b""
        self.grant: Grant | None = None
        self.refusal: DomainError | None = None
        self.asked: Circumstances | None = None
        # Whether the grant was read from PostgreSQL by this very request.
        self.fresh = False


class GuardedRequest(ApiRequest):
    """What the guard adds to a request (a type only, never constructed)."""

    guard: _State
    grant: Grant


class KeyGuard:
    """Authentication, restrictions, scopes and limits by API key. Stateless; one instance serves every thread."""

    def identify(self, request: GuardedRequest) -> None:
        """Find the grant of the credential; a refusal is kept for `settle`."""
        now = time.time()
        state = request.guard = _State(now)
        try:
            credential = read_credential(request.META)
        except DomainError as refusal:
            state.refusal = refusal
            return
        state.credential = credential
        state.digest = digest = grants.digest_of(credential.secret)
        grant = grants.COPIES.get(digest)
        if grant is None or grant.proofs is None or not grants.is_fresh(grant.proved_at, now):
            grant = self._load(request, state, grant)
            if grant is None:
                return
        if credential.client_id is not None and not _same(credential.client_id, grant.client_id):
            state.refusal = InvalidCredentials("The Client ID and the secret do not belong together.")
            return
        state.grant = grant
        self._adopt(request, grant)

    def decide(self, request: GuardedRequest, required: tuple[str, ...]) -> None:
        """Decide on the process's own copy, without I/O."""
        state = request.guard
        state.asked = asked = Circumstances(
            state.now, request.client_ip, request.META.get("HTTP_ORIGIN"), required
        )
        if state.grant is not None:
            state.refusal = decide(state.grant, asked)

    def settle(self, request: GuardedRequest, required: tuple[str, ...], policies: tuple[str, ...]) -> None:
        """Prove that the copy is the newest and take the tokens in one round trip; raises the first refusal."""
        state = request.guard
        for _ in range(MAX_RELOADS):
            grant = state.grant
            if grant is None:
                self._refuse_by_address(request, state)
            refusal = state.refusal
            is_free = refusal is not None and refusal.code in FREE_REFUSALS
            try:
                plan = grant.plan(None if is_free else policies)
                answer = plan.call.run()
            except ValkeyUnavailable:
                self._settle_without_valkey(request, state, policies)
                return
            if answer[0] != STALE:
                break
            self._reload(request, state, required)
        else:
            raise TemporarilyUnavailable("This key is being changed at this moment.")
        if is_free:
            self._refuse_by_address(request, state)
        self._finish(request, state, plan.policies, admitted=answer[0] == 1, used=answer[1:])

    def report_exposure(self, request: GuardedRequest) -> None:
        """The request came over plain HTTP and is refused: if it carried a working secret, tell its company.

        Counted for the address like any failure, so that nobody can make us look up secrets without end.
        """
        counted = attempts.count_failure(request.client_ip)
        request.rate_headers = counted.headers
        if not counted.admitted:
            return
        try:
            credential = read_credential(request.META)
            grant = load_grant(credential.secret, grants.digest_of(credential.secret), None)
        except DomainError:
            return
        except (stores.StoreUnavailable, hashers.HasherBusy) as error:
            log.warning("exposure_not_verifiable", reason=type(error).__name__)
            return
        if grant is None or time.time() >= grant.usable_until:
            return
        self._adopt(request, grant)
        facts = grant.facts
        with tenant_context(Tenant(facts.company_id, facts.mode)):  # type: ignore[arg-type]
            report_exposure(
                key_id=facts.key_id,
                how=f"It was sent over plain HTTP from {request.client_ip}.",
                actor=request.principal,
                now=clock.now(),
            )

    # --- finding the grant --------------------------------------------------------------------------------------------

    def _load(self, request: GuardedRequest, state: _State, copy: Grant | None) -> Grant | None:
        assert state.credential is not None
        secret = state.credential.secret
        known = recall_match(state.digest, copy)
        try:
            if known is not None:
                grant = load_grant(secret, state.digest, known)
            else:
                with attempts.lookup_slot(request.client_ip) as admitted:
                    grant = load_grant(secret, state.digest, None) if admitted else None
        except (stores.StoreUnavailable, hashers.HasherBusy) as error:
            log.warning("secret_not_verifiable", reason=type(error).__name__, detail=str(error))
            state.refusal = TemporarilyUnavailable("The credential cannot be verified right now.")
            return None
        if grant is None:
            state.refusal = InvalidCredentials("No key has this secret.")
        state.fresh = True
        return grant

    def _reload(self, request: GuardedRequest, state: _State, required: tuple[str, ...]) -> None:
        """The fences say that the copy is stale: read it again and decide again."""
        state.grant = self._load(request, state, state.grant)
        if state.grant is not None:
            self._adopt(request, state.grant)
            self.decide(request, required)

    def _adopt(self, request: GuardedRequest, grant: Grant) -> None:
        facts = grant.facts
        request.grant = grant
        request.principal = Principal(
            kind="key",
            id=grant.client_id,
            name=facts.key_name,
            company_id=facts.company_id,
            mode=facts.mode,  # type: ignore[arg-type]
            scopes=grant.scopes,
            ip=request.client_ip,
            user_agent=request.META.get("HTTP_USER_AGENT", "")[:MAX_AGENT_LENGTH],
            request_id=request.request_id,
        )

    # --- raising and admitting ----------------------------------------------------------------------------------------

    def _finish(
        self,
        request: GuardedRequest,
        state: _State,
        policies: PolicySet,
        *,
        admitted: bool,
        used: list[int],
    ) -> None:
        headers = policies.headers(used)
        grant = state.grant
        assert grant is not None
        if grant.notices:
            headers.update(grant.notices)
        request.rate_headers = headers
        if state.refusal is not None:
            if not admitted:
                # Beyond the limit it is refused all the same, but no longer written down each time.
                raise self._explained(request, state, state.refusal)
            self._refuse_known(request, state, state.refusal)
        if not admitted:
            refusing = [policy.name for policy in policies.refusing(used)]
            raise self._explained(
                request,
                state,
                RateLimited(
                    f"The limit of {' and '.join(refusing)} is used up.",
                    facts={"policies": refusing},
                    headers={"Retry-After": str(policies.retry_after(used))},
                ),
            )
        facts, principal = grant.facts, request.principal
        if attempts.is_first_success(facts.secret_id, request.client_ip, state.now):
            attempts.record_first_success(grant, request.client_ip, state.now, actor=principal)
        assert state.asked is not None
        BUFFER.note(
            facts,
            _used_scope(grant, state.asked.required),
            state.now,
            request.client_ip,
            principal.user_agent,
        )

    def _refuse_known(self, request: GuardedRequest, state: _State, refusal: DomainError) -> NoReturn:
        assert state.grant is not None
        attempts.record_refusal(state.grant, refusal, actor=request.principal)
        raise self._explained(request, state, refusal)

    def _refuse_by_address(self, request: GuardedRequest, state: _State) -> NoReturn:
        """Refuse what costs no key anything: it is counted for the client's address."""
        refusal = state.refusal
        assert refusal is not None
        counted = attempts.count_failure(request.client_ip, tokens=0 if refusal.status == 503 else 1)
        request.rate_headers = counted.headers
        if not counted.admitted:
            raise self._explained(
                request,
                state,
                TooManyFailures(
                    "Too many requests without a valid credential came from this address.",
                    headers={"Retry-After": str(counted.retry_after)},
                ),
            )
        if state.grant is not None:
            self._refuse_known(request, state, refusal)
        if refusal.status != 503:
            secret = None if state.credential is None else state.credential.secret
            attempts.record_failure(refusal, secret=secret, caller=_caller(request))
        raise self._explained(request, state, refusal)

    def _explained(self, request: GuardedRequest, state: _State, refusal: DomainError) -> DomainError:
        assert state.asked is not None
        request.trace = explain(state.grant, refusal, state.asked)
        return refusal

    # --- without Valkey -----------------------------------------------------------------------------------------------

    def _settle_without_valkey(
        self, request: GuardedRequest, state: _State, policies: tuple[str, ...]
    ) -> None:
        """Decide on what PostgreSQL says now, and limit as `RATE_LIMIT_FAILURE_MODE` says (DESIGN §5)."""
        assert state.asked is not None
        if not state.fresh:
            self._reload(request, state, state.asked.required)
        grant = state.grant
        if grant is None or (state.refusal is not None and state.refusal.code in FREE_REFUSALS):
            self._refuse_by_address(request, state)
        mode = settings.RATE_LIMIT_FAILURE_MODE
        WITHOUT_VALKEY.labels(mode).inc()
        buckets, limits = grant.policies(policies)
        if mode == "closed":
            request.rate_headers = limits.headers([0] * len(buckets))
            raise self._explained(
                request, state, TemporarilyUnavailable("Rate limits cannot be counted right now.")
            )
        admitted, used = True, [0] * len(buckets)
        if mode == "local":
            admitted, used = _local.take(dict(zip(buckets, limits.policies, strict=True)))
        self._finish(request, state, limits, admitted=admitted, used=used)


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode("latin-1", "replace"), expected.encode("ascii"))


def _used_scope(grant: Grant, required: tuple[str, ...]) -> str:
    if len(required) == 1:
        return "" if required[0] == ANY_KEY else required[0]
    return next((scope for scope in required if scope in grant.scopes), "")


def _caller(request: GuardedRequest) -> dict[str, Any]:
    return {
        "ip": request.client_ip,
        "user_agent": request.META.get("HTTP_USER_AGENT", "")[:MAX_AGENT_LENGTH],
        "request_id": request.request_id,
    }
