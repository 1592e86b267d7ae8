"""DRF authentication by API key, including rate limits (docs/architecture.md, The request pipeline, Keys and Limits).

`REST_FRAMEWORK["DEFAULT_AUTHENTICATION_CLASSES"]` names ApiKeyAuthentication. The hot path runs no SQL and makes one round trip
to Valkey, which proves that the process's copy of the grant is current and takes from every bucket the view's throttles name.
Checks that must never be skipped (revocation, expiry, address, origin, the proof) are made here rather than in a permission or
a throttle, because a view may replace those.
"""

import hmac
import time
from typing import Any, NoReturn, cast

import structlog
from django.conf import settings
from prometheus_client import Counter
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import APIException
from rest_framework.request import Request

from apikeys import attempts, grants, hashers, stores
from apikeys.access import KeyAccess
from apikeys.credentials import Credential, read_credential
from apikeys.decisions import FREE_REFUSALS, Circumstances, decide, explain
from apikeys.grants import Grant
from apikeys.refusals import TooManyFailures
from apikeys.services.notices import report_exposure
from apikeys.verification import load_grant, recall_match
from core import clock
from core.api import versions
from core.api.errors import REALM, InvalidCredentials
from core.api.exceptions import refusal as as_drf
from core.api.exceptions import to_domain_error
from core.api.throttles import TierThrottle
from core.api.throttling import STALE, LocalBuckets, PolicySet
from core.errors import DomainError, TemporarilyUnavailable
from core.http.requests import GuardedRequest, actor_of
from core.principal import Principal
from core.tenancy import tenant_context
from core.valkey.commands import ValkeyUnavailable

log = structlog.get_logger("pomelo.guard")
WITHOUT_VALKEY = Counter("pomelo_guard_without_valkey_total", "Requests settled without Valkey", ["mode"])

# The WSGI key of the header that selects an API version.
VERSION_KEY = "HTTP_POMELO_VERSION"

# A copy that is still stale after this many reloads belongs to a key that is being changed in a loop.
MAX_RELOADS = 4

_local = LocalBuckets()


class KeyRequest(GuardedRequest):
    """The attributes that key authentication adds to Django's request (for type checkers, never constructed)."""

    # Set for a refused key too: it decides whether a browser may read the refusal (apikeys.cors).
    grant: Grant


class ApiKeyAuthentication(BaseAuthentication):
    """Authenticates every request to /v1 by its API key. Stateless."""

    def authenticate(self, request: Request) -> tuple[Principal, KeyAccess]:
        """Return the principal and its access.

        Raises only `core.api.exceptions.Refusal`: however a view negotiates, DRF must reset the user that `_adopt` may have
        set, and must not authenticate (and count) a second time.
        """
        try:
            access = _Attempt(request).settle()
        except APIException:
            raise
        except Exception as raised:  # see above
            raise as_drf(to_domain_error(raised)) from raised
        return access.principal, access

    def authenticate_header(self, request: Request) -> str:
        """Return the accepted authentication schemes (RFC 9110 §11.6.1)."""
        return REALM


class _Attempt:
    """One request on its way through authentication."""

    __slots__ = ("access", "asked", "credential", "digest", "fresh", "grant", "http", "refusal", "request")

    def __init__(self, request: Request) -> None:
        self.request = request
        http = self.http = cast(KeyRequest, request._request)  # noqa: SLF001 - DRF's name for Django's request
        self.asked = Circumstances(time.time(), http.client_ip, http.META.get("HTTP_ORIGIN"))
        self.credential: Credential | None = None
        self.digest = b""
        self.grant: Grant | None = None
        self.access: KeyAccess | None = None
        self.refusal: DomainError | None = None
        # Whether this request has read the grant from PostgreSQL.
        self.fresh = False

    def settle(self) -> KeyAccess:
        """Prove that the copy is current and take the tokens, in one round trip. Raises the first refusal."""
        self._identify()
        for _ in range(MAX_RELOADS):
            grant = self.grant
            if grant is None:
                self._refuse_by_address()
            is_free = self.refusal is not None and self.refusal.code in FREE_REFUSALS
            try:
                plan = grant.plan(None if is_free else self._throttles())
                answer = plan.call.run()
            except ValkeyUnavailable:
                return self._settle_without_valkey()
            if answer[0] != STALE:
                break
            self._reload()
        else:
            raise as_drf(TemporarilyUnavailable("This key is being changed right now."))
        if is_free:
            self._refuse_by_address()
        count = len(plan.buckets) + 1
        return self._finish(
            plan.policies, admitted=answer[0] == 1, used=answer[1:count], waits=answer[count:]
        )

    # --- finding the grant --------------------------------------------------------------------------------------------

    def _identify(self) -> None:
        """Find the credential's grant and decide on this process's copy of it. A refusal is kept for `settle`."""
        try:
            credential = read_credential(self.http.META)
        except DomainError as refusal:
            self.refusal = refusal
            return
        self.credential = credential
        self.digest = digest = grants.digest_of(credential.secret)
        grant = grants.COPIES.get(digest)
        if grant is None or grant.proofs is None or not grant.fresh_from < self.asked.now < grant.fresh_until:
            grant = self._load(grant)
            if grant is None:
                return
        if credential.client_id is not None and not _same(credential.client_id, grant.client_id):
            self.refusal = InvalidCredentials("The Client ID and the secret do not match.")
            return
        self._adopt(grant)

    def _load(self, copy: Grant | None) -> Grant | None:
        assert self.credential is not None
        secret = self.credential.secret
        known = recall_match(self.digest, copy)
        try:
            if known is not None:
                grant = load_grant(secret, self.digest, known)
            else:
                with attempts.lookup_slot(self.http.client_ip) as admitted:
                    grant = load_grant(secret, self.digest, None) if admitted else None
        except (stores.StoreUnavailable, hashers.HasherBusy) as error:
            log.warning("secret_not_verifiable", reason=type(error).__name__, detail=str(error))
            self.refusal = TemporarilyUnavailable("The credential cannot be verified right now.")
            return None
        if grant is None:
            self.refusal = InvalidCredentials("No key has this secret.")
        self.fresh = True
        return grant

    def _reload(self) -> None:
        """Read a copy that the fences report as stale again, and decide again."""
        grant = self.grant = self._load(self.grant)
        if grant is not None:
            self._adopt(grant)

    def _adopt(self, grant: Grant) -> None:
        """Use `grant` for this request, and make the decisions that need nothing else. No I/O."""
        self.grant = grant
        principal = _principal_of(self.http, grant)
        access = self.access = KeyAccess(self.http, grant, self.asked, principal)
        self.refusal = decide(grant, self.asked)
        if self.refusal is None:
            # The view's get_throttles() may read the user; DRF resets it if authentication fails after all.
            self.request.user = principal  # type: ignore[assignment]  # whose type is that of Django's users
            self.request.auth = access

    def _throttles(self) -> tuple[type[TierThrottle], ...]:
        """The tier policies that the view's throttles name for this method."""
        view: Any = (self.request.parser_context or {}).get("view")
        method = self.http.method
        return tuple(
            type(throttle)
            for throttle in (view.get_throttles() if view is not None else ())
            if isinstance(throttle, TierThrottle) and throttle.applies_to(method)
        )

    # --- raising and admitting ----------------------------------------------------------------------------------------

    def _finish(self, policies: PolicySet, *, admitted: bool, used: list[int], waits: list[int]) -> KeyAccess:
        """Record what the buckets answered. The view's throttles decide whether the request passes."""
        grant, access, http = self.grant, self.access, self.http
        assert grant is not None
        assert access is not None
        headers = policies.headers(used, waits)
        headers.update(grant.notices)
        http.rate_headers = headers
        http.api_version = grant.api_version
        access.settle(policies, admitted=admitted, used=used, waits=waits)
        if self.refusal is not None:
            access.record(self.refusal)
            raise self._explained(self.refusal)
        if admitted:
            self._choose_version(grant, access)
            now = self.asked.now
            if attempts.is_first_success(grant.facts.secret_id, http.client_ip, now):
                attempts.record_first_success(grant, http.client_ip, now, actor=access.principal)
        return access

    def _choose_version(self, grant: Grant, access: KeyAccess) -> None:
        """Use the API version that the request names, or else its key's. Raises unknown_version."""
        version = grant.api_version
        named = self.http.META.get(VERSION_KEY)
        if named is not None:
            try:
                version = versions.asked(named.strip())
            except DomainError as refusal:
                raise self._explained(refusal) from refusal
            self.http.api_version = version
            self.http.rate_headers[versions.HEADER] = version.date
        if version.deprecation is not None:
            access.note_deprecated(version.date, version.deprecation)

    def _refuse_by_address(self) -> NoReturn:
        """Refuse a request that costs no key a token. It counts against the client's address."""
        refusal, http = self.refusal, self.http
        assert refusal is not None
        counted = attempts.count_failure(http.client_ip, tokens=0 if refusal.status == 503 else 1)
        http.rate_headers = counted.headers
        if not counted.admitted:
            raise self._explained(
                TooManyFailures(
                    "Too many requests without a valid credential came from this address.",
                    headers={"Retry-After": str(counted.retry_after)},
                    violated_policies=[attempts.FAILURES.name],
                )
            )
        if self.grant is not None:
            assert self.access is not None
            attempts.record_refusal(self.grant, refusal, actor=self.access.principal)
        elif refusal.status != 503:
            secret = None if self.credential is None else self.credential.secret
            caller = actor_of(http, kind="system", id="anonymous", name="unknown caller")
            attempts.record_failure(refusal, secret=secret, actor=caller)
        raise self._explained(refusal)

    def _explained(self, refusal: DomainError) -> APIException:
        return as_drf(refusal, explain(self.grant, refusal, self.asked))

    # --- without Valkey -----------------------------------------------------------------------------------------------

    def _settle_without_valkey(self) -> KeyAccess:
        """Decide by the current state in PostgreSQL, and apply `RATE_LIMIT_FAILURE_MODE` (docs/architecture.md, Keys)."""
        if not self.fresh:
            self._reload()
        grant = self.grant
        if grant is None or (self.refusal is not None and self.refusal.code in FREE_REFUSALS):
            self._refuse_by_address()
        mode = settings.RATE_LIMIT_FAILURE_MODE
        WITHOUT_VALKEY.labels(mode).inc()
        buckets, limits = grant.policies(self._throttles())
        if mode == "closed":
            self.http.rate_headers = limits.headers([0] * len(buckets))
            raise self._explained(TemporarilyUnavailable("Rate limits cannot be counted right now."))
        admitted, used, waits = True, [0] * len(buckets), [0] * len(buckets)
        if mode == "local":
            admitted, used, waits = _local.take(dict(zip(buckets, limits.policies, strict=True)))
        return self._finish(limits, admitted=admitted, used=used, waits=waits)


def report_exposed_credential(request: KeyRequest) -> None:
    """Notify the company if a request refused for plain HTTP carried a working secret (`API_EXPOSURE`).

    It counts against the address like any failure, so that secret lookups stay limited.
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
    principal = _principal_of(request, grant)
    with tenant_context(grant.tenant):
        report_exposure(
            key_id=grant.facts.key_id,
            how=f"It was sent over plain HTTP from {request.client_ip}.",
            actor=principal,
            now=clock.now(),
        )


def _principal_of(request: KeyRequest, grant: Grant) -> Principal:
    """Return the key's principal, and set on the request what the request log and CORS headers need."""
    facts = grant.facts
    request.grant = grant
    request.bodies_until = facts.bodies_until
    principal = request.principal = actor_of(
        request,
        kind="key",
        id=grant.client_id,
        name=facts.key_name,
        company_id=facts.company_id,
        mode=facts.mode,  # type: ignore[arg-type]
        scopes=grant.scopes,
    )
    return principal


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode("latin-1", "replace"), expected.encode("ascii"))
