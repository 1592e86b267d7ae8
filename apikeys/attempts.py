"""Attempts to authenticate: the failure limit per client address, and the audit trail of successes and failures.

Knowing a public Client ID must not be enough to spend that key's tokens or lock it out, so requests that cost a key nothing
are counted by client address (IPv6: /64). Failures up to the limit are written to the audit trail; refusals by views without
a limit are capped per key in the same way. Of successes, only the first per secret, address and hour is written
(docs/architecture.md, The request pipeline and Audit).
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from uuid import UUID

from django.db import DatabaseError, InterfaceError

from apikeys import keys
from apikeys.events import ApiKeyAuthenticated, ApiKeyRefused, AuthenticationFailed
from apikeys.grants import Grant
from core.api.throttling import LocalBuckets, PolicySet, RatePolicy, take_one
from core.errors import DomainError
from core.events import publish, publish_unowned
from core.http.addresses import client_group
from core.postgres.breaker import breaker
from core.postgres.failures import is_outage
from core.principal import Principal
from core.security import sealed
from core.tenancy import Tenant, system_context, tenant_context
from core.valkey import commands
from core.valkey.commands import ValkeyUnavailable
from core.values import ids

FAILURES_PER_MINUTE = 20
FAILURES = RatePolicy("address", FAILURES_PER_MINUTE)
# Concurrent lookups allowed per process for an address over its limit, so that a valid secret still gets in.
EXHAUSTED_LOOKUPS = 2
MAX_SEEN = 50_000
HOUR_SECONDS = 3600

_SEEN = sealed.tag_of("seen", ["secret", "ip", "hour"])
_policies = PolicySet([FAILURES])
_local = LocalBuckets()
_lookups = threading.BoundedSemaphore(EXHAUSTED_LOOKUPS)
_seen: dict[tuple[UUID, str], int] = {}


@dataclass(frozen=True, slots=True)
class FailureCount:
    """The state of the address's bucket. `headers` describes the `address` policy for the response."""

    admitted: bool
    headers: dict[str, str]
    retry_after: int


def count_failure(ip: str, *, tokens: int = 1) -> FailureCount:
    """Take a token from the address's bucket (`tokens=0` only checks it)."""
    admitted, used = _take(f"address:{client_group(ip)}", tokens)
    return FailureCount(admitted, _policies.headers([used]), FAILURES.retry_after(used))


def _take(bucket: str, tokens: int) -> tuple[bool, int]:
    try:
        return take_one(bucket, FAILURES, tokens=tokens)
    except ValkeyUnavailable:
        admitted, (used,), _ = _local.take({bucket: FAILURES}, tokens=tokens)
        return admitted, used


def should_record(grant: Grant) -> bool:
    """Whether a refusal that took no token is still below the key's limit for audit entries."""
    admitted, _ = _take(f"refusals:{grant.facts.key_id.hex}", 1)
    return admitted


def is_exhausted(ip: str) -> bool:
    """Whether an address has used up its failures."""
    return int(count_failure(ip, tokens=0).headers["X-RateLimit-Remaining"]) < 1


@contextmanager
def lookup_slot(ip: str) -> Iterator[bool]:
    """Yield whether an unknown secret may be looked up: always, except that an exhausted address gets a few at a time."""
    if not is_exhausted(ip):
        yield True
        return
    got = _lookups.acquire(blocking=False)
    try:
        yield got
    finally:
        if got:
            _lookups.release()


def record_failure(refusal: DomainError, *, secret: str | None, actor: Principal) -> None:
    """Write a failure without a known secret to the staff's audit trail. Only the secret's display form is written."""
    shown = ""
    if secret is not None:
        try:
            shown = keys.parse(secret).display
        except keys.MalformedSecret:
            shown = "(malformed)"
    with system_context(reason="failed authentication"):
        publish_unowned(
            AuthenticationFailed(object_id="", detail={"code": refusal.code, "shown_as": shown}),
            actor=actor,
        )


def record_refusal(grant: Grant, refusal: DomainError, *, actor: Principal) -> None:
    """Write a refusal of a known secret to its company's audit trail."""
    facts = grant.facts
    with tenant_context(Tenant(facts.company_id, facts.mode)):  # type: ignore[arg-type]
        publish(
            ApiKeyRefused(
                object_id=grant.client_id,
                detail={
                    "code": refusal.code,
                    "secret_id": ids.encode("sec", facts.secret_id),
                    **refusal.facts,
                },
            ),
            actor=actor,
        )


def is_first_success(secret_id: UUID, ip: str, now: float) -> bool:
    """Whether this process has not yet seen the secret succeed from this address in this hour. No I/O."""
    hour = int(now // HOUR_SECONDS)
    if _seen.get((secret_id, ip)) == hour:
        return False
    if len(_seen) >= MAX_SEEN:
        _seen.clear()
    _seen[secret_id, ip] = hour
    return True


def record_first_success(grant: Grant, ip: str, now: float, *, actor: Principal) -> None:
    """Write the hour's first success of a secret from an address, once across all processes.

    While PostgreSQL is down nothing is written and no request is refused for it; the first success after it is back is
    written. The request log has all of them. Raises DatabaseError.
    """
    facts = grant.facts
    name = f"seen:{facts.secret_id.hex}:{ip}:{int(now // HOUR_SECONDS)}"
    if breaker.is_open:
        _seen.pop((facts.secret_id, ip), None)
        return
    if _was_recorded(name):
        return
    try:
        with tenant_context(Tenant(facts.company_id, facts.mode)):  # type: ignore[arg-type]
            publish(
                ApiKeyAuthenticated(
                    object_id=grant.client_id,
                    detail={"secret_id": ids.encode("sec", facts.secret_id), "ip": ip},
                ),
                actor=actor,
            )
    except (DatabaseError, InterfaceError) as error:
        # It was marked as written, here and for the other processes, but the write failed.
        _seen.pop((facts.secret_id, ip), None)
        with suppress(ValkeyUnavailable):
            commands.call("DEL", name)
        if not is_outage(error):
            raise


def _was_recorded(name: str) -> bool:
    """Whether Valkey says that a process has recorded `name` already; if not, mark it as recorded by this one.

    A marker without a valid MAC for this name is ignored, so that a compromised Valkey cannot keep a success out of the
    audit trail. Without Valkey each process writes its own entry: duplicates are better than gaps.
    """
    note = sealed.seal(_SEEN, b"", bound_to=name.encode())
    try:
        if commands.call("SET", name, note, "NX", "EX", HOUR_SECONDS) is not None:
            return False
        found = commands.call("GET", name)
        sealed.unseal(_SEEN, found or b"", bound_to=name.encode())
    except (ValkeyUnavailable, sealed.InvalidSealedValue, sealed.UnknownSchema):
        return False
    return True
