"""Attempts to authenticate: the failure limit per client address, and the audit trail of successes and failures.

Whoever knows a public Client ID must not be able to spend its tokens or lock it out, so everything that costs a key
nothing is counted by address (IPv6: /64). Every failure up to the limit is written to the audit trail, and of refusals by views
without a limit as many for each key; of successes the first of a secret from an address in an hour (docs/architecture.md, The request pipeline and Audit).
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
# How many look-ups an address beyond its limit may have going in one process: a right secret still gets in.
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
    """What the address's bucket said. `headers` is the `address` policy for the response."""

    admitted: bool
    headers: dict[str, str]
    retry_after: int


def count_failure(ip: str, *, tokens: int = 1) -> FailureCount:
    """Take a token from the address's bucket (`tokens=0`: only look)."""
    admitted, used = _take(f"address:{client_group(ip)}", tokens)
    return FailureCount(admitted, _policies.headers([used]), FAILURES.retry_after(used))


def _take(bucket: str, tokens: int) -> tuple[bool, int]:
    try:
        return take_one(bucket, FAILURES, tokens=tokens)
    except ValkeyUnavailable:
        admitted, (used,), _ = _local.take({bucket: FAILURES}, tokens=tokens)
        return admitted, used


def may_be_recorded(grant: Grant) -> bool:
    """Whether a refusal that took no token is one of the first of its key, and so worth an entry in the audit trail."""
    admitted, _ = _take(f"refusals:{grant.facts.key_id.hex}", 1)
    return admitted


def is_exhausted(ip: str) -> bool:
    """Whether an address has used up its failures."""
    return int(count_failure(ip, tokens=0).headers["X-RateLimit-Remaining"]) < 1


@contextmanager
def lookup_slot(ip: str) -> Iterator[bool]:
    """Admits a look-up of an unknown secret: always, or for an exhausted address a few at a time (else False)."""
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
    """Write a failure without a known secret to the staff's audit trail. The secret appears in its display form only."""
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
    """Write the hour's first success of a secret from an address, once among all processes.

    While PostgreSQL is away nothing is written, and nothing is refused for it: the first success after its return is. The
    request log has every one of them. Raises DatabaseError.
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
        # It was said to be written, here and to the other processes, and is not.
        _seen.pop((facts.secret_id, ip), None)
        with suppress(ValkeyUnavailable):
            commands.call("DEL", name)
        if not is_outage(error):
            raise


def _was_recorded(name: str) -> bool:
    """Whether a process of ours has written down what `name` says, and said so in Valkey; if not, say that we do.

    A note that is not sealed for this name counts for nothing, so that a hostile Valkey cannot keep a success out of
    the audit trail. Without Valkey each process writes its own: too many entries are better than none.
    """
    note = sealed.seal(_SEEN, b"", bound_to=name.encode())
    try:
        if commands.call("SET", name, note, "NX", "EX", HOUR_SECONDS) is not None:
            return False
        found = commands.call("GET", name)
        sealed.unseal(_SEEN, found or b"", bound_to=name.encode())
    except (ValkeyUnavailable, sealed.NotOurs, sealed.UnknownSchema):
        return False
    return True
